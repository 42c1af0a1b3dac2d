"""`davylamp audit repair`: what is to be done about findings; with --do, it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.output import emit

if TYPE_CHECKING:
    from davylamp.audit.repairs import Repairs
    from davylamp.rollout.repair.planned import Done

_STYLES = {"done": "green", "refused": "yellow", "failed": "bold red", "by_hand": "cyan"}


def repair(
    code: Annotated[str, typer.Option(help="Only findings of this code.")] = "",
    service: Annotated[str, typer.Option(help="Only those of this service.")] = "",
    instance: Annotated[str, typer.Option(help="Only those of this instance.")] = "",
    do: Annotated[bool, typer.Option("--do", help="Do it; without, it is only shown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Audit the fleet, and show what would be done about each finding. With --do, do it: each is
    looked at once more right before. Works with Dagster down.

    Exit 1 when, with --do, something was refused or failed; what is left for people is shown.
    """
    from davylamp.audit.repairs import audit_and_repair
    from davylamp.cli.release import who
    from davylamp.rollout.parts import open_parts
    from davylamp.rollout.repair.run import Wish, went_wrong
    from davylamp.settings import load_settings

    parts = open_parts(load_settings())
    try:
        found = audit_and_repair(parts, Wish(code, service, instance), do=do, by=who())
    finally:
        parts.close()
    document = {
        "dry_run": not do,
        "repairs": [one.document() for one in found.done],
        "waived": [one.document() for one in found.waived],
    }
    emit(document, as_json, lambda console: _show(console, found, do))
    if do and went_wrong(found.done):
        raise typer.Exit(1)


def _show(console: Console, found: Repairs, do: bool) -> None:
    if found.done:
        console.print(_table(found.done, do))
    count = Counter(one.state.value for one in found.done)
    if found.waived:
        count["waived, and left alone"] = len(found.waived)
    said = ", ".join(f"{n:,} {name}" for name, n in count.items()) or "nothing to repair"
    console.print(said if do or not found.done else f"{said}; --do does it")


def _table(done: Sequence[Done], do: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("state", "code", "where", "action"):
        table.add_column(name, no_wrap=True)
    table.add_column("what was done, or why not" if do else "what would be done, or why not")
    for one in done:
        concern, action = one.planned.concern, one.planned.action.kind.value
        state = Text(one.state.value, style=_STYLES.get(one.state.value, ""))
        table.add_row(state, concern.code, Text(concern.where), action, Text(one.said))
    return table
