"""`davylamp judge record`: a release of the ledger as a stream file."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.cli.output import emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.judge.recording import Recording
    from davylamp.ledger.session import Ledger


def record(
    release: Annotated[int, typer.Argument(help="Number of a release, as `status` lists it.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Stream file; .gz compresses. By default release-<number>.jsonl.gz."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="To the release's end, not only to its decision.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write what the judge saw of a release into a stream file, from its first users to its
    decision. `davylamp judge stream` reads it. The ledger keeps samples for a week."""
    from davylamp.judge.stream_file import write_stream
    from davylamp.ledger.session import Ledger
    from davylamp.settings import load_settings

    ledger = Ledger.connect(load_settings().require("ledger_url"))
    found = recording_of_release(ledger, release, whole=whole)
    file = out or Path(f"release-{release}.jsonl.gz")
    write_file(file, write_stream(found))
    document = {
        "release": release,
        "id": found.id,
        "file": str(file),
        "ticks": len(found),
        "sides": ["baseline", "canary", *(["stable"] if found.stable else [])],
        "notes": list(found.notes),
    }
    emit(document, as_json, lambda c: c.print(f"{file}: {len(found)} ticks of {found.id}"))


def recording_of_release(ledger: Ledger, release: int, *, whole: bool = False) -> Recording:
    """Raises `BadInput` where there is no such release, or nothing of it was recorded."""
    from davylamp.judge.recorded import NothingRecorded, recording_of
    from davylamp.ledger import evidence
    from davylamp.ledger.releases import get_release

    with ledger.begin() as db:
        of = get_release(db, release)
        samples = evidence.read_samples(db, release)
    decided = None if whole else of.decided_at
    try:
        return recording_of(
            samples,
            id=f"{of.service}-{of.version or of.image}-r{release}",
            since=of.traffic_at.timestamp() if of.traffic_at else float("-inf"),
            until=decided.timestamp() if decided else float("inf"),
        )
    except NothingRecorded as error:
        raise BadInput(
            f"release {release} of {of.service} cannot be recorded ({error}): it ended as "
            f"{of.state} before users met it beside a baseline, or its samples are forgotten"
        ) from error


def write_file(file: Path, lines: Iterable[str]) -> None:
    """The same lines make the same file: no time of day goes into the compressed one."""
    content = "".join(f"{line}\n" for line in lines).encode()
    if file.name.endswith(".gz"):
        content = gzip.compress(content, compresslevel=9, mtime=0)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{file} cannot be written ({error}): name another with --out") from error
