"""`davylamp judge record`: a release of a real ledger as a stream file that can be judged again."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from davylamp.cli.main import make_app
from davylamp.errors import BadInput
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.judge.stream_file import read_stream
from davylamp.ledger import evidence, releases
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server


def sample(role: Role, release_id: int, at: float, count: int) -> Sample:
    return Sample(
        service="checkout",
        role=role,
        release_id=release_id,
        at=at,
        started=count,
        succeeded=count,
        failed=0,
        responses=(0, count, 0, 0, 0),
        latency=(count, *[0] * len(LATENCY_BOUNDS_MS)),
        in_flight=0,
    )


def released(ledger: Ledger, seconds: int) -> int:
    """A release with samples from before its first user to after its decision."""
    with ledger.begin() as db:
        found = releases.open_release(
            db, service="checkout", image="1.1.0", plan={}, entry={}, seed=1, requested_by="ana"
        )
        releases.note_traffic(db, found.id)
        began = releases.get_release(db, found.id).traffic_at
        assert began is not None
        times = [began.timestamp() - 3.5 + n for n in range(seconds + 4)]
        evidence.write_samples(
            db,
            [sample(r, found.id, at, 10 * n) for r in Role for n, at in enumerate(times)],
        )
    return found.id


def record(postgres_url: str, *arguments: str) -> dict[str, object]:
    app = make_app("judge")
    environment = {"DAVYLAMP_LEDGER_URL": postgres_url}
    done = CliRunner().invoke(app, ["judge", "record", *arguments, "--json"], env=environment)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


def test_a_release_is_recorded_from_its_first_users_to_its_decision(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    release_id = released(ledger, seconds=2)
    time.sleep(2)
    with ledger.begin() as db:
        releases.note_decision(db, release_id, "it fails", ReleaseState.ROLLED_BACK)
        decided = releases.get_release(db, release_id).decided_at
        assert decided is not None
        later = [decided.timestamp() + n for n in (0.5, 1.5)]
        evidence.write_samples(db, [sample(r, release_id, at, 1_000) for r in Role for at in later])
    file = tmp_path / "release.jsonl.gz"
    document = record(postgres_url, str(release_id), "--out", str(file))
    found = read_stream(gzip.decompress(file.read_bytes()).splitlines())
    assert document["ticks"] == len(found) == 1
    assert document["sides"] == ["baseline", "canary", "stable"]
    assert found.canary.completed.tolist() == [10]
    whole = record(postgres_url, str(release_id), "--out", str(file), "--whole")
    assert read_stream(gzip.decompress(file.read_bytes()).splitlines()).canary.completed[-1] == 0
    assert whole["ticks"] != document["ticks"]


def test_the_same_release_makes_the_same_file(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    release_id = released(ledger, seconds=20)
    for name in ("one", "two"):
        record(postgres_url, str(release_id), "--out", str(tmp_path / f"{name}.jsonl.gz"))
    one, two = ((tmp_path / f"{name}.jsonl.gz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_release_that_no_user_met_says_why_it_cannot_be_recorded(
    ledger: Ledger, postgres_url: str
) -> None:
    with ledger.begin() as db:
        found = releases.open_release(
            db, service="cart", image="1.1.0", plan={}, entry={}, seed=1, requested_by="ana"
        )
    with pytest.raises(BadInput, match="before users met it"):
        record(postgres_url, str(found.id))
    with pytest.raises(BadInput, match="has no release 99"):
        record(postgres_url, "99")
