"""Figures and verdicts in words."""

from __future__ import annotations

import math

from davylamp.judge.excess import Tally


def number(value: float | None, unit: str = "") -> str:
    """A figure as a person would write it."""
    if value is None or not math.isfinite(value):
        return "unknown"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 1 or size == 0 else 2
    text = f"{value:,.{digits}f}".removesuffix(".0")
    return f"{text} {unit}" if unit else text


def known(value: float) -> float | None:
    """The value, or None where it is no number."""
    return value if math.isfinite(value) else None


def ratio(over: float | None, under: float | None) -> float | None:
    """How many times as much; None where there is nothing to compare with."""
    return known(over / under) if over is not None and under else None


def share(of: Tally) -> str:
    return f"{number(100 * of.rate, '%')} of {count(of.trials)}"


def count(requests: float) -> str:
    return f"{requests:,.0f}"


def chance(p: float) -> str:
    """`p = 3e-12`, and never a zero that isn't one."""
    return f"p = {p:.1g}" if p >= 1e-99 else "p < 1e-99"
