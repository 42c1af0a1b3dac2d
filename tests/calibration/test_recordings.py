"""The recorded streams of real services: complete, readable, and not mistaken for harm."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.calibration.recorded_cases import SHIFTS
from davylamp.judge.recording import Recording
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.stream_file import read_stream
from davylamp.judge.verdict import Outcome

FOLDER = Path(__file__).parents[2] / "benchmarks" / "recordings"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())


@cache
def recordings() -> dict[str, Recording]:
    return {
        name: read_stream(gzip.decompress((FOLDER / f"{name}.jsonl.gz").read_bytes()).splitlines())
        for name in INDEX
    }


def test_the_index_names_every_stream_and_nothing_else() -> None:
    files = {file.name.removesuffix(".jsonl.gz") for file in FOLDER.glob("*.jsonl.gz")}
    assert files == INDEX.keys() == {case.name for shift in SHIFTS for case in shift}
    assert len(files) >= 24
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 6_000_000


@pytest.mark.parametrize("name", INDEX)
def test_a_stream_has_three_sides_with_requests_over_minutes(name: str) -> None:
    found = recordings()[name]
    assert found.stable is not None
    assert 240 <= len(found) <= 320
    for side in (found.canary, found.baseline, found.stable):
        assert np.isfinite(side.failed).mean() > 0.75
        assert np.nansum(side.completed) > 0.15 * INDEX[name]["requests_per_second"] * 240


def test_no_harmless_build_is_rolled_back_and_no_major_harm_promoted() -> None:
    rulings = judge_recordings(list(recordings().values()))
    for name, ruling in zip(INDEX, rulings, strict=True):
        if INDEX[name]["harm"] is None:
            assert ruling.outcome is not Outcome.ROLLBACK, f"{name}: {ruling.headline}"
        elif INDEX[name]["major"]:
            assert ruling.outcome is not Outcome.PROMOTE, f"{name}: {ruling.headline}"
            if ruling.outcome is Outcome.ROLLBACK:
                assert ruling.at_tick >= INDEX[name]["onset_tick"], f"{name}: {ruling.headline}"
