"""What the demonstration prints while it goes on: a line a change, and when it came."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

from davylamp.cli.demo.follow import News
from davylamp.ledger.models import ReleaseState

_COLOURS = {
    ReleaseState.PROMOTED: "green",
    ReleaseState.ROLLED_BACK: "red",
    ReleaseState.ROLLING_BACK: "red",
    ReleaseState.HELD: "yellow",
}


class Progress:
    """Lines with the seconds since the demonstration began."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def say(self, what: str, style: str = "bold") -> None:
        self._print(Text(what, style=style))

    def tell(self, name: str, news: News) -> None:
        """One change of one release."""
        line = Text(f"  {name:<15}")
        line.append(f"{news.state.value:<13}", _COLOURS.get(news.state, "cyan"))
        line.append(f"{news.share:>5.0%}  ")
        line.append(news.reason)
        if news.verdict and news.verdict != news.reason and not news.state.is_end:
            line.append(f" · judge: {news.verdict}", "dim")
        self._print(line)

    def _print(self, line: Text) -> None:
        since = (f"{time.monotonic() - self._began:6.1f} s  ", "dim")
        # A log keeps its long lines whole; a terminal folds them by itself.
        self._console.print(Text.assemble(since, line), soft_wrap=True)
