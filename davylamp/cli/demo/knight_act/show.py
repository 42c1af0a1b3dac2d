"""The act's report on a screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.demo.knight_act.builds import EIGHTH, NEW, OLD
from davylamp.cli.demo.knight_act.report import KnightReport, went_wrong


def show_knight(report: KnightReport, console: Console) -> None:
    """What the audit holds against the fleet, then the story in sentences."""
    table = Table(title="What the audit found, without being asked", box=box.SIMPLE_HEAD)
    for heading in ("severity", "code", "what", "what to do"):
        table.add_column(heading, no_wrap=heading in ("severity", "code"))
    for one in report.held:
        cells = (one.severity, one.code, one.document["detail"], one.document["next"])
        table.add_row(*(Text(str(cell)) for cell in cells))
    console.print(table)
    for sentence in sentences(report):
        console.print(Text(sentence))
        console.print()


def sentences(report: KnightReport) -> Iterator[str]:
    """The report in plain words."""
    yield f"{NEW.name} was {report.outcome}, not called done: {report.reason}."
    if report.seconds_to_naming is not None:
        yield (
            f"The audit named {EIGHTH}, its build and its flag "
            f"{report.seconds_to_naming:.0f} s after all others were on {NEW.version}, at its "
            f"{'first' if report.audits == 1 else f'{report.audits}th'} look."
        )
    yield (
        f"Until then {report.by_old_build} of {report.requests:,} requests of users were answered "
        f"by {OLD.name} after the switch: no route leads to a build that isn't the stable one."
    )
    yield f"The repair: {report.repaired}."
    wrong = went_wrong(report)
    if wrong:
        yield f"Not as it should be: {'; '.join(wrong)}."
