"""The act's report on a screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.demo.schema_act.builds import NEW, OLD
from davylamp.cli.demo.schema_act.report import SchemaReport, StepReport, went_wrong


def show_schema(report: SchemaReport, console: Console) -> None:
    """A table of the steps, then what was measured, in sentences."""
    console.print(_steps(report))
    for sentence in sentences(report):
        console.print(Text(sentence))
        console.print()


def sentences(report: SchemaReport) -> Iterator[str]:
    """The report in plain words."""
    found = report.evidence
    if found.backfilled:
        one = found.backfilled
        yield (
            f"{one.rows:,} rows were backfilled in {one.seconds:.0f} s beside users' own writes, "
            f"{one.rows_per_second:,} a second; afterwards {OLD} and {NEW} differed in "
            f"{one.differing} rows."
        )
    if found.contract_refused:
        yield f"The first try to drop {OLD} was refused: {found.contract_refused.reason}."
    if found.contracted:
        one = found.contracted
        yield (
            f"Then it was done: {one.reason}. The table has {', '.join(one.columns_left)} left, "
            f"and {', '.join(one.builds_ended)} can never be gone back to."
        )
    for one in found.rollbacks_refused:
        yield f"Going back to {one.to} was refused: {one.reason}."
    yield _closing(report)


def _closing(report: SchemaReport) -> str:
    wrong = went_wrong(report)
    if wrong:
        return f"Not as it should be: {'; '.join(wrong)}."
    return f"Of {report.requests:,} requests of users, not one failed."


def _steps(report: SchemaReport) -> Table:
    table = Table(title="What was tried, and what users met meanwhile", box=box.SIMPLE_HEAD)
    for heading in ("step", "outcome"):
        table.add_column(heading, no_wrap=True)
    for heading in ("took", "requests", "failed", "p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in report.steps:
        table.add_row(*_row(one))
    return table


def _row(one: StepReport) -> list[Text | str]:
    step = one.step
    return [
        step.name,
        Text(step.outcome, "red" if step.problem else "green"),
        f"{step.seconds:.1f} s",
        f"{one.requests:,}" if one.requests else "–",
        str(one.failed_requests) if one.requests else "–",
        f"{one.p99_ms:.0f} ms" if one.p99_ms is not None else "–",
    ]
