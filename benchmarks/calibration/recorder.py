"""Recorder: real services side by side on one plane, each written down as a stream.

Service processes from real images, behind a real Envoy on an embedded plane, asked by real load;
candidate and a fresh baseline beside stable, held at constant shares whatever they do. What the
keeper samples each second is the stream. Several services run side by side, and whatever else
runs on the machine is part of the weather.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from benchmarks.calibration.recorded_cases import Case
from benchmarks.plane import ROOT, BenchPlane, bench_plane, say
from benchmarks.users import users
from davylamp.builds.image import build_image, push_image
from davylamp.builds.keys import PRIVATE_KEY
from davylamp.builds.open import open_registry
from davylamp.errors import Unreachable
from davylamp.judge.recorded import recording_of, tick_at
from davylamp.judge.recording import Recording
from davylamp.judge.sample import Role
from davylamp.ledger import evidence
from davylamp.ledger.models import ReleaseState
from davylamp.rollout.conduct import Conduct
from davylamp.rollout.drive import drive

SHARE = 0.35
"""Of the users, for the candidate and for the baseline; stable keeps the rest."""
SECONDS = 275.0
_IMAGE = ROOT / "examples" / "shop" / "images" / "checkout"
_APART_SECONDS = 3.0
"""Copies of one service after the other: all at once would be a storm of its own."""
_WHY = "it has been recorded"


@dataclass(frozen=True)
class Recorded:
    """A stream, and at which of its ticks the candidate began to do harm."""

    case: Case
    stream: Recording
    onset_tick: int

    def entry(self) -> dict[str, Any]:
        case = self.case
        return {
            "harm": case.harm,
            "major": case.major,
            "onset_tick": self.onset_tick if case.harm else None,
            "ticks": len(self.stream),
            "requests_per_second": case.rate,
            "what": case.what,
        }


def record_shift(cases: Sequence[Case], seconds: float = SECONDS) -> list[Recorded]:
    """Record services side by side on one plane, each for `seconds`."""
    with bench_plane(*map(_entry, cases)) as plane, contextlib.ExitStack() as stack:
        for case in cases:
            say(f"{case.name}: a stable build")
            _push(plane, case, "1.0.0", case.service)
            _push(plane, case, "1.1.0", {**case.service, **case.fault})
            first = Conduct.open(
                plane.parts, service=case.name, image="1.0.0", requested_by="recorder"
            )
            if drive(first).state is not ReleaseState.PROMOTED:
                raise Unreachable(f"{case.name} did not start: {first.release().reason}")
        for case in cases:
            stack.enter_context(users(plane, case.name, case.rate))
        say(f"recording {len(cases)} services for {seconds:.0f} s")
        with ThreadPoolExecutor(len(cases)) as pool:
            return list(
                pool.map(
                    lambda n: _record(plane, cases[n], n * _APART_SECONDS, seconds),
                    range(len(cases)),
                )
            )


def _record(plane: BenchPlane, case: Case, wait_seconds: float, seconds: float) -> Recorded:
    time.sleep(wait_seconds)
    conduct = Conduct.open(plane.parts, service=case.name, image="1.1.0", requested_by="recorder")
    try:
        conduct.verify()
        conduct.guard()
        conduct.start()
        onset = _up_since(plane, conduct.release_id) + case.onset_seconds
        hold = conduct.session.hold
        hold.wait_until_confirmed(hold.set_shares(SHARE, SHARE, "to be recorded"))
        began = time.time()
        while time.time() < began + seconds:
            hold.renew()
            time.sleep(0.5)
        with plane.ledger.begin() as db:
            samples = evidence.read_samples(db, conduct.release_id)
    finally:
        conduct.roll_back(_WHY)
    share = {"canary": SHARE, "baseline": SHARE, "stable": round(1 - 2 * SHARE, 6)}
    stream = recording_of(samples, id=case.name, since=began, share=share)
    say(f"{case.name}: {len(stream)} ticks")
    return Recorded(case, stream, tick_at(stream, onset) if case.harm else 0)


def _up_since(plane: BenchPlane, release_id: int) -> float:
    """When the candidate's copy began to serve, by its own word (Unix seconds)."""
    copies = [
        i
        for i in plane.parts.platform.instances()
        if i.release_id == release_id and i.role is Role.CANDIDATE
    ]
    answer = httpx.get(f"http://{copies[0].address}/.well-known/davylamp", timeout=10)
    return datetime.fromisoformat(answer.json()["started_at"]).timestamp()


def _push(plane: BenchPlane, case: Case, version: str, shop: Mapping[str, float]) -> None:
    environment = {f"SHOP_{name}": f"{value:g}" for name, value in shop.items()}
    built = build_image(
        _IMAGE, version=version, environment={"SHOP_VERSION": version, **environment}
    )
    registry = open_registry(plane.settings.require("registry_url"))
    key = plane.settings.home / "keys" / PRIVATE_KEY
    push_image(registry, f"shop/{case.name}", built, key)


def _entry(case: Case) -> str:
    shield = str(case.shield).lower()
    return f"""\
name: {case.name}
owner: benchmarks
image: {{repository: shop/{case.name}}}
route: {{hosts: [{case.name}.localhost], shield: {shield}}}
instances: 2
release:
  steps: [{{share: {SHARE}, seconds: 600}}, {{share: 1.0}}]
  candidate_instances: {case.copies}
  drain_seconds: 1
"""
