"""Heat map: every service a cell, its colour the age of its version, a ring where one is wrong."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from davylamp.audit.plots.png import png_of

_HOUR, _DAY = 3600.0, 86_400.0
_BOUNDS = (0.0, _HOUR, _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY, math.inf)
AGES = ("< 1 hour", "< 1 day", "< 1 week", "< 1 month", "< 3 months", "older")
_COLOURS = ("#d0ebff", "#74c0fc", "#339af0", "#1c7ed6", "#1864ab", "#0b3157")
_NEVER = "#e9ecef"
_WRONG, _INK, _FAINT = "#e03131", "#212529", "#868e96"
_LEAST_COLUMNS, _MOST_COLUMNS = 10, 50
_LONGEST_NAME = 22


@dataclass(frozen=True)
class Cell:
    """A service."""

    service: str
    age: float
    """Seconds since its stable build became that; NaN: never released."""
    is_wrong: bool
    """Something critical is held against it."""


def cells_of(rows: pd.DataFrame, wrong: Collection[str] = ()) -> list[Cell]:
    """Of the rows of `by_service`; `wrong` are services with something critical."""
    ages = rows["age"].to_dict()
    return [Cell(str(name), float(age), name in wrong) for name, age in ages.items()]


def age_class(age: float) -> int:
    """Index into `AGES`."""
    return max(0, int(np.searchsorted(_BOUNDS, age, side="right")) - 1)


def draw_heat_map(cells: Sequence[Cell]) -> bytes:
    """PNG, about 900 pixels wide; empty without services. Rows are read like text, by name."""
    if not cells:
        return b""
    ordered = sorted(cells, key=lambda cell: cell.service)
    columns = min(_MOST_COLUMNS, max(_LEAST_COLUMNS, math.ceil(math.sqrt(2.5 * len(ordered)))))
    rows = math.ceil(len(ordered) / columns)
    figure: Any = Figure(figsize=(9.0, max(1.7, 1.0 + 0.19 * rows)), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    _fill(axes, ordered, columns, rows)
    _label(axes, ordered, columns, rows)
    _explain(figure, axes)
    return png_of(figure)


def _fill(axes: Any, ordered: Sequence[Cell], columns: int, rows: int) -> None:
    grid = np.full(columns * rows, np.nan)
    for place, cell in enumerate(ordered):
        grid[place] = -1 if math.isnan(cell.age) else age_class(cell.age)
    colours = ListedColormap([_NEVER, *_COLOURS])
    norm = BoundaryNorm(np.arange(-1.5, len(_COLOURS)), colours.N)
    shown = np.ma.masked_invalid(grid.reshape(rows, columns))
    axes.pcolormesh(shown, cmap=colours, norm=norm, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    wrong = [place for place, cell in enumerate(ordered) if cell.is_wrong]
    axes.scatter(
        [place % columns + 0.5 for place in wrong],
        [place // columns + 0.5 for place in wrong],
        s=36,
        facecolors="none",
        edgecolors=_WRONG,
        linewidths=2,
    )


def _label(axes: Any, ordered: Sequence[Cell], columns: int, rows: int) -> None:
    names = [ordered[row * columns].service for row in range(rows)]
    short = [n if len(n) <= _LONGEST_NAME else f"{n[: _LONGEST_NAME - 1]}…" for n in names]
    axes.set_yticks([row + 0.5 for row in range(rows)], short, fontsize=7, color=_INK)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    wrong = sum(cell.is_wrong for cell in ordered)
    axes.set_title(
        f"{len(ordered)} services by name, each row from the one it is labelled with; "
        f"{wrong} with a critical finding",
        fontsize=8.5,
        color=_INK,
        loc="left",
    )


def _explain(figure: Any, axes: Any) -> None:
    keys = [
        axes.scatter([], [], marker="s", s=50, color=colour, label=label)
        for colour, label in zip((_NEVER, *_COLOURS), ("never released", *AGES), strict=True)
    ]
    ring = axes.scatter(
        [], [], s=36, facecolors="none", edgecolors=_WRONG, linewidths=2, label="critical finding"
    )
    figure.legend(
        handles=[*keys, ring],
        loc="outside lower left",
        ncols=8,
        fontsize=7.5,
        frameon=False,
        handletextpad=0.1,
        columnspacing=1.0,
        title="age of the version users get",
        title_fontsize=7.5,
        alignment="left",
    )
