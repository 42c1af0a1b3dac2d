"""What a benchmark found: one table, with the aim beside each figure that has one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured number. `aim` is the most it should be."""

    what: str
    value: float
    unit: str = ""
    aim: float | None = None

    @property
    def is_met(self) -> bool:
        return self.aim is None or self.value <= self.aim

    def cells(self) -> tuple[str, str, str, str]:
        if self.aim is None:
            return self.what, _written(self.value, self.unit), "", ""
        aim = f"≤ {_written(self.aim, self.unit)}" if self.aim else _written(0, self.unit)
        met = "[green]yes[/]" if self.is_met else "[red]no[/]"
        return self.what, _written(self.value, self.unit), aim, met


@dataclass(frozen=True)
class Report:
    """One benchmark's table, and what was run for it."""

    title: str
    figures: tuple[Figure, ...]
    ran: str

    def document(self) -> dict[str, Any]:
        found = [asdict(f) | {"met": f.is_met if f.aim is not None else None} for f in self.figures]
        return {"title": self.title, "ran": self.ran, "figures": found}

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left", caption=self.ran)
        table.caption_justify = "left"
        table.add_column("what")
        table.add_column("measured", justify="right")
        table.add_column("aim", justify="right")
        table.add_column("met")
        for figure in self.figures:
            table.add_row(*figure.cells())
        console.print(table)


def _written(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
    return f"{number} {unit}".strip()
