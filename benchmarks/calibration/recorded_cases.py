"""Which real services are recorded: what each is like, and what its candidate does wrong.

Harmless builds have the same environment as the stable one; whatever is odd there, is odd on
all sides. Harms are named as in the simulated streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MB = 1_000_000


@dataclass(frozen=True)
class Case:
    """One stream. `rate` is requests a second of the whole service."""

    name: str
    rate: float
    what: str
    service: Mapping[str, float] = field(default_factory=dict[str, float])
    """Environment of every build of the service."""
    fault: Mapping[str, float] = field(default_factory=dict[str, float])
    """Environment of the candidate, on top of that."""
    harm: str | None = None
    major: bool = False
    shield: bool = True
    copies: int = 1
    """Of candidate and baseline, each."""

    @property
    def onset_seconds(self) -> float:
        """How long after its start the candidate begins to do harm."""
        dies_first = self.fault.get("DIE_AFTER", 0) * (1 - self.fault.get("DIE_SPREAD", 0))
        return float(self.fault.get("FAULTS_AFTER") or dies_first)


def _bad(
    name: str,
    rate: float,
    what: str,
    harm: str,
    fault: Mapping[str, float],
    service: Mapping[str, float] | None = None,
    *,
    major: bool = True,
    shield: bool = True,
    copies: int = 1,
) -> Case:
    return Case(name, rate, what, service or {}, fault, harm, major, shield, copies)


def _like(median_ms: float, spread: float = 0.2, **more: float) -> dict[str, float]:
    return {"MEDIAN_MS": median_ms, "SPREAD": spread} | more


SHIFTS: tuple[tuple[Case, ...], ...] = (
    (
        Case("calm-fast", 60, "nothing", _like(8)),
        Case("calm-slow", 5, "nothing, at five requests a second", _like(120, 0.4)),
        Case(
            "cold-start",
            40,
            "fresh copies are four times slower, for half a minute",
            _like(25, COLD_SECONDS=30, COLD_FACTOR=4),
        ),
        Case("usual-errors", 25, "two in a hundred fail, on all sides", {"ERROR_RATE": 0.02}),
        _bad("errors-all", 5, "all requests fail", "errors", {"ERROR_RATE": 1}),
        _bad("errors-20", 25, "one in five fails", "errors", {"ERROR_RATE": 0.2}),
        _bad(
            "hang-shielded",
            20,
            "one in five hangs; the shield gives up after a second",
            "hang",
            {"HANG_SHARE": 0.2},
        ),
    ),
    (
        Case("heavy-tail", 30, "latency over two orders of magnitude", _like(20, 0.9)),
        Case(
            "garbage",
            30,
            "memory goes up and down; a pause of 150 ms every ten seconds",
            _like(20, PAUSE_EVERY=10, PAUSE_MS=150, GARBAGE_BYTES=100_000),
        ),
        Case(
            "brown-out",
            40,
            "every 100 s a dependency is four times slower for 20 s, and one in ten fails",
            _like(
                20,
                BROWNOUT_EVERY=100,
                BROWNOUT_SECONDS=20,
                BROWNOUT_FACTOR=4,
                BROWNOUT_ERROR_RATE=0.1,
            ),
        ),
        _bad(
            "errors-5",
            60,
            "one in twenty fails, after a while",
            "errors",
            {"ERROR_RATE": 0.05, "FAULTS_AFTER": 100},
            _like(10),
        ),
        _bad(
            "p99-x3",
            40,
            "the slowest requests take three times as long, after a while",
            "p99",
            {"SLOW_SHARE": 0.15, "SLOW_FACTOR": 3.5, "FAULTS_AFTER": 100},
            _like(60),
        ),
        _bad(
            "leak",
            15,
            "three megabytes a second are never freed",
            "leak",
            {"LEAK_BYTES": 3 * MB, "FAULTS_AFTER": 60},
            _like(30),
        ),
        _bad(
            "unauthorized-30",
            15,
            "three in ten are answered 401, after a while",
            "client_errors",
            {"UNAUTHORIZED_RATE": 0.3, "FAULTS_AFTER": 120},
        ),
    ),
    (
        Case("calm-busy", 80, "nothing, at eighty requests a second", _like(15, 0.3)),
        Case("calm-ten", 10, "nothing, slow requests", _like(250, 0.3)),
        Case(
            "cold-caches",
            20,
            "fresh copies are two and a half times slower, for a minute and a half",
            _like(30, COLD_SECONDS=90, COLD_FACTOR=2.5),
        ),
        Case("hungry", 15, "a request costs 8 ms of CPU", _like(30, WORK_MS=8)),
        _bad(
            "p50-x2",
            30,
            "everything takes twice as long, after a while",
            "p50",
            {"SLOW_SHARE": 1, "SLOW_FACTOR": 2, "FAULTS_AFTER": 100},
            _like(40),
        ),
        _bad(
            "crash-loop",
            20,
            "each of two copies ends itself every 15 to 45 s",
            "restarts",
            {"DIE_AFTER": 30, "DIE_SPREAD": 0.5},
            copies=2,
        ),
        _bad(
            "cpu-x2",
            20,
            "a request costs twice the CPU",
            "cpu",
            {"BURN_MS": 5},
            _like(30, WORK_MS=4),
            major=False,
        ),
    ),
    (
        Case(
            "failing-dependency",
            25,
            "every 80 s three in ten fail for 15 s, on all sides",
            _like(25, BROWNOUT_EVERY=80, BROWNOUT_SECONDS=15, BROWNOUT_ERROR_RATE=0.3),
        ),
        Case(
            "long-pauses",
            10,
            "nothing runs for a second every half a minute",
            _like(40, PAUSE_EVERY=30, PAUSE_MS=1000, GARBAGE_BYTES=200_000),
        ),
        Case(
            "usual-401", 30, "one in ten is answered 401, on all sides", {"UNAUTHORIZED_RATE": 0.1}
        ),
        _bad(
            "hang-open",
            30,
            "one in five hangs, and no shield gives up on it",
            "hang",
            {"HANG_SHARE": 0.2, "FAULTS_AFTER": 80},
            shield=False,
        ),
        _bad(
            "unauthorized-all",
            8,
            "everybody is answered 401, after a while",
            "client_errors",
            {"UNAUTHORIZED_RATE": 1, "FAULTS_AFTER": 120},
        ),
        _bad(
            "errors-20-late",
            10,
            "one in five fails, after two minutes",
            "errors",
            {"ERROR_RATE": 0.2, "FAULTS_AFTER": 150},
        ),
        _bad(
            "p99-x4-busy",
            60,
            "the slowest requests take four times as long",
            "p99",
            {"SLOW_SHARE": 0.1, "SLOW_FACTOR": 5},
            _like(40, 0.3),
        ),
    ),
)
"""Those of one shift run side by side on one plane."""
