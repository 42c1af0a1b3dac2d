"""`davylamp judge stream`: the judge on recorded streams."""

from __future__ import annotations

import gzip
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from davylamp.cli.output import console, emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.judge.recording import Recording

_AT_ONCE = 64
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")


def stream(
    files: Annotated[
        list[str],
        typer.Argument(help="Stream files (JSON lines, .gz too), folders of them, or - ."),
    ],
    judge: Annotated[
        Literal["sequential", "kayenta"],
        typer.Option(help="Which judge: at every tick, or a fixed window at the end."),
    ] = "sequential",
    ramp: Annotated[
        str,
        typer.Option(
            metavar="SHARE:SECONDS,…",
            help="Thin the candidate and baseline as if their share had been raised in steps.",
        ),
    ] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a file.")] = False,
) -> None:
    """Judge streams to their end: ROLLBACK as soon as harm is shown, PROMOTE or MANUAL at the
    last tick. Exit 0: all promotable; 1: some are not; 2: bad input. docs/judge.md has the format.
    """
    from davylamp.judge.ramp import WrongRamp, parse_ramp

    try:
        steps = parse_ramp(ramp)
    except WrongRamp as error:
        raise BadInput(f"--ramp {ramp}: {error}") from error
    outcomes: set[str] = set()
    paths = list(_paths(files))
    table = Table("id", "outcome", "at tick", "promotable at", "why")
    batches = [paths[i : i + _AT_ONCE] for i in range(0, len(paths), _AT_ONCE)]
    for batch in track(batches, "judging", console=Console(stderr=True), transient=True):
        recordings = [_read(path) for path in batch]
        for document in _judged(recordings, judge, steps):
            outcomes.add(document["outcome"])
            if as_json:
                emit(document, True, lambda _: None)
            elif len(paths) == 1:
                _show_one(console(), document)
            else:
                _add_row(table, document)
    if not as_json and len(paths) > 1:
        console().print(table)
    if outcomes != {"PROMOTE"}:
        raise typer.Exit(1)


def _judged(
    recordings: Sequence[Recording], judge: str, steps: Sequence[Any]
) -> Iterator[dict[str, Any]]:
    from davylamp.judge.ramp import ramped
    from davylamp.judge.sequential.document import document_of
    from davylamp.judge.sequential.run import judge_recordings
    from davylamp.judge.whole_window import judge_whole

    recordings = [ramped(r, steps) for r in recordings] if steps else recordings
    if judge == "kayenta":
        return (judge_whole(r) for r in recordings)
    return (document_of(ruling) for ruling in judge_recordings(recordings))


def _paths(files: Sequence[str]) -> Iterator[str]:
    """Files as they are, folders as the stream files in them."""
    for file in files:
        path = Path(file)
        if file == "-" or not path.is_dir():
            yield file
            continue
        found = sorted(str(p) for p in path.rglob("*") if p.name.endswith(_SUFFIXES))
        found = [p for p in found if Path(p).name != "index.json"]
        if not found:
            raise BadInput(f"{file}: has no stream files; looked for {', '.join(_SUFFIXES)}")
        yield from found


def _read(file: str) -> Recording:
    from davylamp.judge.stream_file import WrongStream, read_stream

    source = "standard input" if file == "-" else file
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return read_stream(content.splitlines())
    except WrongStream as error:
        raise BadInput(f"{source}: {error}") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BadInput(
            f"{source}: cannot be read ({error}); give a stream file, a folder of them, or -"
        ) from error


def _show_one(out: Console, document: dict[str, Any]) -> None:
    title = f"{document['id']}: {document['outcome']} at tick {document['at_tick']}"
    out.print(title, style="bold", highlight=False, markup=False)
    out.print(document["headline"], markup=False)
    table = Table("metric", "candidate", "baseline", "ratio", "95 %", "evidence", "what it says")
    for m in document["metrics"]:
        table.add_row(
            m["name"],
            _figure(m["candidate"], m["unit"]),
            _figure(m["baseline"], m["unit"]),
            _figure(m["ratio"]),
            f"{_figure(m['lower'])} – {_figure(m['upper'])}",
            f"{m['e_value']:.3g}" if m["e_value"] is not None else "–",
            m["says"],
        )
    out.print(table)
    for missing in document["missing"]:
        out.print(f"missing: {missing}", markup=False)
    for name, outcome in document["other_judges"].items():
        out.print(f"the {name} rule would have said: {outcome}", markup=False)


def _add_row(table: Table, document: dict[str, Any]) -> None:
    promotable = document["promotable_at_tick"]
    table.add_row(
        document["id"],
        document["outcome"],
        str(document["at_tick"]),
        "–" if promotable is None else str(promotable),
        document["headline"],
    )


def _figure(value: float | None, unit: str = "") -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3g} {unit}".rstrip()
