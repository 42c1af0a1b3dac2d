"""A backfill's progress, on standard error: the answer has standard output to itself."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from davylamp.schema.backfill.model import OnProgress, Progress

_COLUMNS = ("{task.description}", "{task.percentage:>3.0f}%", "{task.fields[said]}")


@contextmanager
def progress_bar() -> Generator[OnProgress]:
    """Call what it gives with each progress. Without any, not even an empty line is printed."""
    name, share, said = (TextColumn(one, markup=False) for one in _COLUMNS)
    console = Console(stderr=True)
    bar = Bar(name, BarColumn(), share, TimeElapsedColumn(), said, console=console)
    task = bar.add_task("backfill", total=1.0, said="")

    def show(progress: Progress) -> None:
        bar.start()
        words = said_of(progress)
        bar.update(task, completed=progress.share, description=progress.backfill, said=words)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


def said_of(progress: Progress) -> str:
    if progress.waiting_for:
        return f"waits: {progress.waiting_for}"
    left = progress.seconds_left
    ending = f", {left:,.0f} s left" if left != float("inf") else ""
    return f"{progress.rows_done:,} rows, {progress.rows_per_second:,.0f} rows/s{ending}"
