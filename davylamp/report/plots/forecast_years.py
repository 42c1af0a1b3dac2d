"""The forecast's plot: harmed user-minutes a year by strategy, and what would help."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from davylamp.forecast.forecast import Forecast


def draw_forecast(found: Forecast, dots_per_inch: int = 120) -> bytes:
    """A PNG."""
    figure: Any = Figure(figsize=(10, 5), layout="constrained")
    years, helps = figure.subplots(1, 2)
    for one in found.harm:
        harmed = np.sort(one.simulated)
        share = np.arange(1, len(harmed) + 1) / len(harmed)
        years.plot(harmed, 1 - share, label=one.strategy.replace("_", "-"), drawstyle="steps-post")
    if any(one.simulated.max(initial=0.0) > 0 for one in found.harm):
        years.set_xscale("log")
    years.set(
        xlabel="harmed user-minutes a year", ylabel="share of the years with more", ylim=(0, 1)
    )
    years.legend()
    years.grid(visible=True, which="both", alpha=0.2)
    names = [one.name for one in reversed(found.levers)]
    helps.barh(names, [100 * one.saved_share for one in reversed(found.levers)])
    helps.set(xlabel=f"% less harm ({found.strategy.replace('_', '-')})")
    helps.grid(visible=True, axis="x", alpha=0.2)
    a = found.assumptions
    figure.suptitle(
        f"{a.deploys_per_day:g} deploys a day, {a.p_bad:.3%} bad, {a.catch_rate:.1%} caught on "
        f"{a.fraction:.1%} of {a.users:g} users"
    )
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dots_per_inch)
    return out.getvalue()
