"""The planner's plot: seconds to detection by error rate and fraction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from davylamp.judge.plan_curves import Curves
from davylamp.judge.plan_sight import FRACTIONS
from davylamp.judge.planner import TrafficPlan


def draw(plan: TrafficPlan, curves: Curves, file: Path) -> None:
    """Write a PNG; raises OSError where that can't be done."""
    figure: Any = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for fraction, seconds in zip(FRACTIONS, curves.seconds, strict=True):
        label = f"{100 * fraction:g} % ({fraction * plan.objective.rps:.3g}/s)"
        shown = np.where(np.isfinite(seconds), seconds, np.nan)
        axes.plot(100 * curves.error_rates, shown, marker="o", label=label)
    window = plan.objective.window_seconds
    axes.axhline(window, color="grey", linestyle="--", linewidth=1, label=f"window {window:g} s")
    wanted = 100 * plan.objective.detect_error_rate
    axes.axvline(wanted, color="grey", linestyle=":", linewidth=1, label=f"wanted: {wanted:g} %")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="errors of the candidate, %",
        ylabel="seconds from their beginning to 95 % detection",
        title=f"{plan.objective.rps:g} requests/s, {100 * plan.objective.base_error_rate:g} % "
        "errors usual, independent requests",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(title="users on the candidate")
    figure.savefig(file, format="png", dpi=120)
