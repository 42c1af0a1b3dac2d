"""How large an effect is, as a plain number."""

from __future__ import annotations

import numpy as np

from davylamp.judge.kayenta.metric import EffectSize
from davylamp.judge.sample import Floats


def size_of_effect(kind: EffectSize, experiment: Floats, control: Floats) -> float:
    """The effect size of two samples, neither empty; NaN where it has none."""
    if kind is EffectSize.CLES:
        return common_language(experiment, control)
    return mean_ratio(experiment, control)


def mean_ratio(experiment: Floats, control: Floats) -> float:
    """Mean over mean; NaN when either is 0."""
    over, under = float(experiment.mean()), float(control.mean())
    return over / under if over and under else float("nan")


def common_language(experiment: Floats, control: Floats) -> float:
    """The chance that a random point of `experiment` is the larger; ties count half.

    McGraw & Wong 1992, in the form of Vargha & Delaney 2000 that assumes no distribution.
    """
    ordered = np.sort(control)
    below = np.searchsorted(ordered, experiment, side="left").sum()
    upto = np.searchsorted(ordered, experiment, side="right").sum()
    return float(below + upto) / 2 / (experiment.size * control.size)
