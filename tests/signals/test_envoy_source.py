"""Against a real Envoy: every attempt is counted, exactly once, and as what it was."""

from __future__ import annotations

import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from davylamp.errors import Unreachable
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample, series_of
from davylamp.signals.envoy_stats import EnvoySource
from davylamp.signals.protocol import Watched

pytestmark = pytest.mark.server


def counts(sample: Sample) -> tuple[int, int, int, int]:
    return sample.started, sample.succeeded, sample.failed, sample.in_flight


def test_answers_below_500_are_successes_by_class(fleet: Any, source: Any, backend: Any) -> None:
    fleet.set_clusters({"ok_candidate_7": [backend.port]})
    fleet.ask("ok_candidate_7", "/200", 5)
    fleet.ask("ok_candidate_7", "/302", 1)
    fleet.ask("ok_candidate_7", "/404", 2)
    sample = fleet.read_until(source, "ok", lambda s: sum(s.latency) == 8)
    assert counts(sample) == (8, 8, 0, 0)
    assert sample.responses == (0, 5, 1, 2, 0)
    assert sum(sample.latency) == 8


def test_answers_of_500_and_above_are_failures(fleet: Any, source: Any, backend: Any) -> None:
    fleet.set_clusters({"bad_candidate_7": [backend.port]})
    fleet.ask("bad_candidate_7", "/503", 4)
    fleet.ask("bad_candidate_7", "/500", 1)
    sample = fleet.read_until(source, "bad", lambda s: s.failed == 5)
    assert counts(sample) == (5, 0, 5, 0)
    assert sample.responses == (0, 0, 0, 0, 5)


def test_refused_connections_are_failed_attempts(
    fleet: Any, source: Any, refusing_port: int
) -> None:
    fleet.set_clusters({"refused_candidate_7": [refusing_port]})
    assert fleet.ask("refused_candidate_7", "/", 4) == [503] * 4
    sample = fleet.read_until(source, "refused", lambda s: s.failed == 4)
    assert counts(sample) == (4, 0, 4, 0)


def test_reset_connections_are_failed_attempts(fleet: Any, source: Any, backend: Any) -> None:
    fleet.set_clusters({"reset_candidate_7": [backend.port]})
    fleet.ask("reset_candidate_7", "/reset", 3)
    sample = fleet.read_until(source, "reset", lambda s: s.failed == 3)
    assert counts(sample) == (3, 0, 3, 0)


def test_answers_that_come_too_late_are_failed_attempts(
    fleet: Any, source: Any, backend: Any
) -> None:
    fleet.set_clusters({"late_candidate_7": [backend.port]})
    assert fleet.ask("late_candidate_7", "/hang", 2, **{"x-hasty": "1"}) == [504] * 2
    sample = fleet.read_until(source, "late", lambda s: s.failed == 2)
    assert counts(sample) == (2, 0, 2, 0)


def test_connections_that_never_open_are_failed_attempts(
    fleet: Any, source: Any, silent_port: int
) -> None:
    fleet.set_clusters({"silent_candidate_7": [silent_port]})
    assert fleet.ask("silent_candidate_7", "/", 2) == [503] * 2
    sample = fleet.read_until(source, "silent", lambda s: s.failed == 2)
    assert counts(sample) == (2, 0, 2, 0)


def test_requests_that_waited_for_a_connection_in_vain_are_failed_attempts(
    fleet: Any, source: Any, silent_port: int
) -> None:
    fleet.set_clusters({"vain_candidate_7": [silent_port]}, connect_timeout="5s")
    assert fleet.ask("vain_candidate_7", "/", 2, **{"x-hasty": "1"}) == [504] * 2
    sample = fleet.read_until(source, "vain", lambda s: s.failed == 2)
    assert counts(sample) == (2, 0, 2, 0)


def test_failures_hidden_by_a_retry_still_count(fleet: Any, source: Any, backend: Any) -> None:
    fleet.set_clusters({"retried_candidate_7": [backend.port]})
    for path, times in (("/503", 3), ("/reset", 2), ("/hang", 1)):
        fleet.ask("retried_candidate_7", path, times, **{"x-retry": "1"})
    sample = fleet.read_until(source, "retried", lambda s: s.failed == 12)
    assert counts(sample) == (12, 0, 12, 0)
    assert sample.responses[4] == 6


def test_requests_nobody_could_take_are_failed_attempts(fleet: Any, source: Any) -> None:
    fleet.set_clusters({"empty_candidate_7": []})
    assert fleet.ask("empty_candidate_7", "/", 3) == [503] * 3
    sample = fleet.read_until(source, "empty", lambda s: s.failed == 3)
    assert counts(sample) == (3, 0, 3, 0)


@pytest.mark.parametrize("limit", ["max_pending_requests", "max_requests"])
def test_requests_turned_away_by_the_circuit_breaker_are_failed_attempts(
    fleet: Any, source: Any, backend: Any, limit: str
) -> None:
    name = limit.replace("_", "-")
    tight = {"thresholds": [{"max_connections": 1, limit: 0}]}
    fleet.set_clusters({f"{name}_candidate_7": [backend.port]}, circuit_breakers=tight)
    assert fleet.ask(f"{name}_candidate_7", "/", 2) == [503] * 2
    sample = fleet.read_until(source, name, lambda s: s.failed == 2)
    assert counts(sample) == (2, 0, 2, 0)


def test_a_hanging_request_has_begun_and_not_ended(fleet: Any, source: Any, backend: Any) -> None:
    fleet.set_clusters({"hanging_candidate_7": [backend.port]})
    headers = {"x-to": "hanging_candidate_7"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{fleet.user_url}/hang", headers=headers, timeout=0.5, trust_env=False)
    given_up = fleet.read_until(source, "hanging", lambda s: s.in_flight == 0 < s.started)
    assert counts(given_up) == (1, 0, 0, 0)


def test_a_request_in_flight_shows_as_such(fleet: Any, source: Any, backend: Any) -> None:
    fleet.set_clusters({"slow_candidate_7": [backend.port]})
    asking = threading.Thread(target=lambda: fleet.ask("slow_candidate_7", "/sleep=1500"))
    asking.start()
    during = fleet.read_until(source, "slow", lambda s: s.in_flight == 1)
    asking.join(10)
    assert counts(during) == (1, 0, 0, 1)
    after = fleet.read_until(source, "slow", lambda s: s.in_flight == 0)
    assert counts(after) == (1, 1, 0, 0)


@pytest.mark.parametrize("sleep_ms", [0, 30, 250])
def test_latency_lies_between_what_the_backend_took_and_what_the_user_saw(
    fleet: Any, source: Any, backend: Any, sleep_ms: int
) -> None:
    name = f"lat{sleep_ms}"
    fleet.set_clusters({f"{name}_candidate_7": [backend.port]})
    slowest_ms = 0.0
    for _ in range(6):
        asked_at = time.perf_counter()
        fleet.ask(f"{name}_candidate_7", f"/sleep={sleep_ms}")
        slowest_ms = max(slowest_ms, (time.perf_counter() - asked_at) * 1000)
    sample = fleet.read_until(source, name, lambda s: sum(s.latency) == 6)
    buckets = [bucket for bucket, count in enumerate(sample.latency) for _ in range(count)]
    assert len(buckets) == 6
    assert min(buckets) >= bisect_left(LATENCY_BOUNDS_MS, sleep_ms)
    assert max(buckets) <= bisect_left(LATENCY_BOUNDS_MS, slowest_ms)


def test_sums_survive_endpoints_that_are_replaced(
    fleet: Any, source: Any, backend: Any, refusing_port: int
) -> None:
    fleet.set_clusters({"moved_candidate_7": [backend.port]})
    fleet.ask("moved_candidate_7", "/ok", 5)
    fleet.read_until(source, "moved", lambda s: s.succeeded == sum(s.latency) == 5)
    fleet.set_clusters({"moved_candidate_7": [refusing_port]})
    fleet.ask("moved_candidate_7", "/", 2)
    fleet.read_until(source, "moved", lambda s: s.failed == 2)
    fleet.set_clusters({"moved_candidate_7": [backend.port]})
    fleet.ask("moved_candidate_7", "/ok", 1)
    sample = fleet.read_until(source, "moved", lambda s: s.succeeded == 6)
    assert counts(sample) == (8, 6, 2, 0)
    assert sample.responses == (0, 6, 0, 0, 2)
    settled = fleet.read_until(source, "moved", lambda s: sum(s.latency) == 6)
    assert sum(settled.latency) == 6


def test_a_restarted_envoy_begins_anew_and_costs_one_tick(
    fleet: Any, source: Any, backend: Any
) -> None:
    fleet.set_clusters({"anew_candidate_7": [backend.port]})
    fleet.ask("anew_candidate_7", "/ok", 5)
    before = fleet.read_until(source, "anew", lambda s: s.succeeded == 5)
    fleet.stop()
    with pytest.raises(Unreachable, match="does not answer"):
        source.read([Watched("anew", Role.CANDIDATE, 7)])
    fleet.start()
    fleet.ask("anew_candidate_7", "/ok", 2)
    after = fleet.read_until(source, "anew", lambda s: s.succeeded == 2)
    fleet.ask("anew_candidate_7", "/ok", 1)
    later = fleet.read_until(source, "anew", lambda s: s.succeeded == 3)
    assert counts(after) == (2, 2, 0, 0)
    assert list(series_of([before, after, later]).succeeded) == [1]


def test_all_sides_come_in_one_read_and_unknown_ones_are_left_out(
    fleet: Any, source: Any, backend: Any
) -> None:
    names = ["a_stable", "a_baseline_7", "a_candidate_7", "b_stable", "ab_stable"]
    fleet.set_clusters({name: [backend.port] for name in names})
    for times, name in enumerate(names, start=1):
        fleet.ask(name, "/ok", times)
    watched = [Watched(s, role, 7) for s in ("a", "b") for role in Role]
    samples = {(s.service, s.role): s for s in source.read(watched)}
    assert {key: s.succeeded for key, s in samples.items()} == {
        ("a", Role.STABLE): 1,
        ("a", Role.BASELINE): 2,
        ("a", Role.CANDIDATE): 3,
        ("b", Role.STABLE): 4,
    }
    assert len({s.at for s in samples.values()}) == 1


def test_nothing_watched_asks_nobody() -> None:
    assert EnvoySource("http://127.0.0.1:1").read([]) == []


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"", "does not answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "something else"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "something else"),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", "answers 500"),
    ],
)
def test_what_is_not_envoy_is_unreachable(answer: bytes, complaint: str) -> None:
    with answering(answer) as port:
        source = EnvoySource(f"http://127.0.0.1:{port}", deadline_seconds=0.5)
        with pytest.raises(Unreachable, match=complaint):
            source.read([Watched("a", Role.STABLE, 1)])


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that gives every connection this answer, or none, and keeps it open."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            kept.append(peer)
            peer.recv(65536)
            peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)
        for peer in kept:
            peer.close()
