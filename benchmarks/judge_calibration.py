"""`python -m benchmarks.judge_calibration`: what the judges say of thousands of streams.

Two generators that share nothing, the recorded streams, and the rivals' published rules on the
very same streams. `--tuning` takes the seeds the judge was tuned on; the default takes those kept
for reporting. Prints one table, or with --json one document; --plot draws it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.calibration import cases as sets
from benchmarks.calibration.cases import Case
from benchmarks.calibration.rivals import RIVALS
from benchmarks.calibration.score import Said, Score, by
from benchmarks.calibration.severity import is_major
from benchmarks.calibration.table import draw, show
from davylamp.judge.recording import Recording
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.stream_file import read_stream

_BATCH = 64
_RECORDED = Path(__file__).parent / "recordings"
_RIVALS_SHOWN = (
    "Kayenta 10 × 1 min",
    "Kayenta each minute",
    "Flagger 1 min × 5",
    "Flagger 1 min × 5, errors only",
    "Argo 99 %, limit 0",
    "Argo 99 %, limit 3",
)


class Run:
    """Judges sets of streams, with a progress bar on standard error."""

    def __init__(self, keep: Path | None, progress: Progress) -> None:
        self._keep, self._progress = keep, progress

    def judge(
        self, name: str, cases: Sequence[Case], *, views: Sequence[str] = ("as it is",)
    ) -> dict[str, list[Said]]:
        """What the sequential judge, and each rival, says. `views`: `two sides` forgets stable."""
        task = self._progress.add_task(name, total=len(cases))
        found: dict[str, list[Said]] = {}
        batch: list[tuple[Case, Recording]] = []
        for pair in sets.streams(cases, self._keep, lambda: self._progress.advance(task)):
            batch.append(pair)
            if len(batch) == _BATCH:
                self._add(found, batch, views)
                batch = []
        self._add(found, batch, views)
        return found

    def _add(
        self,
        found: dict[str, list[Said]],
        batch: Sequence[tuple[Case, Recording]],
        views: Sequence[str],
    ) -> None:
        if not batch:
            return
        for view in views:
            recordings = [_seen(r, view) for _, r in batch]
            for (case, _), ruling in zip(batch, judge_recordings(recordings), strict=True):
                said = Said(case, str(ruling.outcome), ruling.at_tick, ruling.promotable_at_tick)
                found.setdefault(view, []).append(said)

    def rivals(self, name: str, cases: Sequence[Case]) -> dict[str, list[Said]]:
        task = self._progress.add_task(name, total=len(cases))
        found: dict[str, list[Said]] = {}
        for case, recording in sets.streams(
            cases, self._keep, lambda: self._progress.advance(task)
        ):
            for rival in _RIVALS_SHOWN:
                verdict = RIVALS[rival](recording)
                said = Said(case, str(verdict.outcome), verdict.at_tick)
                found.setdefault(rival, []).append(said)
        return found

    def majors(self, cases: Sequence[Case]) -> set[Case]:
        """Those of which users notice much, whatever the cause is called."""
        task = self._progress.add_task("how severe", total=len(cases))
        pairs = sets.streams(cases, self._keep, lambda: self._progress.advance(task))
        return {case for case, recording in pairs if is_major(case, recording)}

    def second_opinions(self, said: Sequence[Said]) -> list[Said]:
        """Those rolled back are tried again with other users; believed only if it fails twice."""
        alarmed = [s.case for s in said if s.is_false_alarm]
        again = judge_recordings([case.stream(attempt=1) for case in alarmed]) if alarmed else []
        twice = {c for c, r in zip(alarmed, again, strict=True) if r.outcome == "ROLLBACK"}
        return [
            s if not s.is_false_alarm or s.case in twice else replace(s, outcome="MANUAL")
            for s in said
        ]


def _seen(recording: Recording, view: str) -> Recording:
    return replace(recording, stable=None, slices=None) if view == "two sides" else recording


def recorded() -> list[Said]:
    """The streams of real services, judged; harm and onset from their index."""
    index = json.loads((_RECORDED / "index.json").read_text())
    found: list[Said] = []
    import gzip

    for name, about in sorted(index.items()):
        file = next(_RECORDED.glob(f"{name}*"))
        recording = read_stream(gzip.decompress(file.read_bytes()).splitlines())
        [ruling] = judge_recordings([recording])
        onset = about.get("onset_tick") or 0
        case = Case("noise", name, 0.0, 0, about.get("harm"), 0.0, onset)
        found.append(Said(case, str(ruling.outcome), ruling.at_tick, ruling.promotable_at_tick))
    return found


def calibrate(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """All sets, as one document."""
    first = sets.TUNING if arguments.tuning else sets.REPORTING
    few = 20 if arguments.quick else 1
    run = Run(arguments.keep, progress)
    noise = run.judge("noise, identical", sets.noise_harmless(first, max(1, 47 // few)))
    third = run.judge("noise, identical, with stable", sets.noise_harmless(first, 2 // few, 3))
    harmed = run.judge("noise, harmful", sets.noise_harmful(first, max(1, 6 // few)))
    views = ("two sides", "as it is")
    calm = sets.queueing_harmless(first, max(1, 91 // few))
    identical = run.judge("queueing, identical", calm, views=views)
    harmful = sets.queueing_harmful(first + 10_000, max(1, 36 // few))
    bad = run.judge("queueing, harmful", harmful, views=views)
    majors = run.majors(harmful)
    fifth = [c for c in sets.noise_harmful(first, max(1, 40 // few)) if _is_a_fifth(c)]
    rivals_calm = run.rivals("rivals, queueing, identical", calm[:: 3 if few == 1 else 1])
    rivals_bad = run.rivals("rivals, 20 % errors", fifth)
    ours_fifth = run.judge("20 % errors at 200/s", fifth)["as it is"]
    said = identical["as it is"]
    return {
        "commit": _commit(),
        "seeds": "tuning" if arguments.tuning else "reporting",
        "first_seed": first,
        "noise_by_kind": _documents(by(noise["as it is"], lambda c: c.kind)),
        "noise_by_rate": _documents(by(noise["as it is"], lambda c: c.rps)),
        "noise": Score.of(noise["as it is"]).document(),
        "noise_with_stable": Score.of(third.get("as it is", [])).document(),
        "noise_harm": _nested(by(harmed["as it is"], lambda c: (f"{c.harm} {c.size:g}", c.rps))),
        "queueing": {
            "two sides": Score.of(identical["two sides"]).document(),
            "with stable": Score.of(said).document(),
            "after a second opinion": Score.of(run.second_opinions(said)).document(),
            "two sides, after a second opinion": Score.of(
                run.second_opinions(identical["two sides"])
            ).document(),
        },
        "queueing_by_kind": _documents(by(said, lambda c: c.kind)),
        "queueing_harm": {
            view: {
                "all": Score.of(found).document(),
                "major": Score.of([s for s in found if s.case in majors]).document(),
                "minor": Score.of([s for s in found if s.case not in majors]).document(),
                "major_by_harm": _documents(
                    by([s for s in found if s.case in majors], lambda c: c.harm)
                ),
                "by_harm": _documents(by(found, lambda c: c.harm)),
                "by_rate": _documents(by(found, lambda c: c.rps)),
            }
            for view, found in bad.items()
        },
        "rivals": {
            name: {
                "false_alarms": Score.of(rivals_calm[name]).document(),
                "a_fifth": Score.of(rivals_bad[name]).document(),
            }
            for name in _RIVALS_SHOWN
        },
        "a_fifth": Score.of(ours_fifth).document(),
        "recorded": [
            {"name": s.case.kind, "harm": s.case.harm, "outcome": s.outcome, "delay": s.delay}
            for s in recorded()
        ],
    }


def _is_a_fifth(case: Case) -> bool:
    return case.harm == "errors" and case.size == 0.2 and case.rps == 200.0


def _documents(scores: dict[Any, Score]) -> dict[str, Any]:
    return {str(name): score.document() for name, score in scores.items()}


def _nested(scores: dict[Any, Score]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for (harm, rps), score in scores.items():
        found.setdefault(harm, {})[f"{rps:g}"] = score.document()
    return found


def _commit() -> str:
    """The last commit that touched the judge: what was frozen."""
    command = ["git", "log", "-1", "--format=%h", "--", "davylamp/judge/sequential"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_calibration")
    parser.add_argument("--tuning", action="store_true", help="the seeds the judge was tuned on")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the streams")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--plot", type=Path, help="draw the figures into this PNG")
    parser.add_argument("--keep", type=Path, help="keep queueing streams in this folder")
    given = parser.parse_args(arguments)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        document = calibrate(given, progress)
    if given.plot:
        draw(document, given.plot)
    if given.json:
        print(json.dumps(document, indent=2))
    else:
        show(document, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
