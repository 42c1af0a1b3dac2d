"""`davylamp up`, `davylamp down`: the embedded plane. `plane_table` draws it for `status`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from davylamp.cli.output import emit
from davylamp.plane.control import Wanted, WentDown, bring_up, take_down
from davylamp.plane.layout import CORE, DAGSTER, check_names
from davylamp.plane.status import STATUS, PartStatus, PlaneStatus, plane_status
from davylamp.settings import Settings, load_settings

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_COLOURS = {"ready": "green", "external": "green", "failed": "red", "down": "red", "silent": "red"}


def up(
    dagster: Annotated[bool, typer.Option("--dagster", help="Dagster too.")] = False,
    only: Annotated[
        str, typer.Option(help=f"Only these parts, by comma: {', '.join((*CORE, *DAGSTER))}.")
    ] = "",
    any_port: Annotated[
        bool, typer.Option("--any-port", help="Don't try the usual ports first.")
    ] = False,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="PostgreSQL doesn't wait for the disk (for tests)."),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Start the embedded plane: PostgreSQL, registry, Envoy, controller, keeper."""
    parts = tuple(part.strip() for part in only.split(",") if part.strip()) or CORE
    parts = (*parts, *(part for part in DAGSTER if dagster and part not in parts))
    check_names(parts)
    console = Console()

    def progress(part: PartStatus) -> None:
        if not as_json:
            console.print(f"  {part.name} {part.state} {part.address}", highlight=False)

    done = bring_up(load_settings(), Wanted(parts, any_port, fast), progress)
    if done.was_up and not as_json:
        console.print("The embedded plane is already up.")
    emit(_document(done.status), as_json, lambda out: out.print(plane_table(done.status)))


def down(as_json: _Json = False) -> None:
    """End the embedded plane, and everything it has started."""
    done = take_down(load_settings())
    emit(asdict(done), as_json, lambda console: _say(console, done))


def plane_table(status: PlaneStatus) -> Table:
    """Every part and every copy: state, place, since when, restarts, memory."""
    table = Table(title=f"Embedded plane, {status.home}", title_justify="left")
    for heading in ("name", "state", "address", "since", "pid", "restarts", "memory", "remark"):
        justify = "right" if heading in ("pid", "restarts", "memory") else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    if not status.is_up:
        table.add_row("plane", _coloured("down"), *[""] * 5, "`davylamp up` starts it")
        return table
    own = ("", _since(status.since), str(status.pid), "", _megabytes(status.memory_bytes))
    remark = "going down" if status.is_going_down else ""
    table.add_row("supervisor", _coloured("ready"), *own, remark)
    for part in status.parts:
        used = _megabytes(part.memory_bytes)
        where = (part.address, _since(part.since), str(part.pid or ""), str(part.restarts), used)
        table.add_row(part.name, _coloured(part.state), *where, part.reason)
    for copy in sorted(status.instances, key=lambda one: (one.service, one.role, one.id)):
        pid, used = str(copy.pid or ""), _megabytes(copy.memory_bytes or 0)
        where = (copy.address, _since(copy.started_at), pid, str(copy.restarts), used)
        name = f"{copy.service} {copy.role} {copy.id}"
        table.add_row(name, _coloured(copy.state), *where, copy.reason)
    return table


def _document(status: PlaneStatus) -> object:
    return STATUS.dump_python(status, mode="json")


def other_plane(settings: Settings) -> str:
    """Where a kept demonstration is up, for whoever looks for it here; empty if nowhere."""
    demo = load_settings(home=settings.home / "demo")
    if not plane_status(demo).is_up:
        return ""
    return f"A demonstration is up in {demo.home}: use DAVYLAMP_HOME={demo.home} with this command."


def _say(console: Console, done: WentDown) -> None:
    if done.was_up:
        console.print("The embedded plane is down.")
    else:
        console.print("The embedded plane was not up.")
        console.print(other_plane(load_settings()), highlight=False)
    for name in done.killed:
        console.print(f"  {name} did not end when asked, and was killed")
    for name in done.swept:
        console.print(f"  {name} was left over, and was ended")


def _coloured(state: str) -> str:
    return f"[{_COLOURS.get(state, 'yellow')}]{state}[/]"


def _since(moment: datetime | None) -> str:
    if moment is None:
        return ""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.0f} MB" if size else ""
