"""Exposure: for how long how large a share of the users is on one bad deploy.

In seconds × share of users ("full-fleet seconds"). A caught canary's time to detection and the
time until people act are exponential: the waiting time of an alarm that is as likely at any
moment (the maximum-entropy choice when only a mean is known: Jaynes 1957, "Information Theory
and Statistical Mechanics").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from davylamp.forecast.assumptions import Assumptions

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Draw = Callable[[Assumptions, Bools, np.random.Generator], Floats]


def canary(a: Assumptions, is_caught: Bools, rng: np.random.Generator) -> Floats:
    """Caught: its fraction until it is seen and taken back. Missed: its fraction for the window,
    then everybody until people act.

    `is_caught` is (n,); returns (n,) full-fleet seconds.
    """
    n = len(is_caught)
    seen = rng.exponential(1.0, n) * a.detection_seconds
    acted = rng.exponential(1.0, n) * a.human_seconds
    caught = a.fraction * (seen + a.switch_seconds)
    missed = a.fraction * a.window_seconds + acted + a.switch_seconds
    return np.where(is_caught, caught, missed)


def blue_green(a: Assumptions, is_caught: Bools, rng: np.random.Generator) -> Floats:
    """Everybody at once, until people act; the way back is a switch."""
    return rng.exponential(1.0, len(is_caught)) * a.human_seconds + a.switch_seconds


def rolling(a: Assumptions, is_caught: Bools, rng: np.random.Generator) -> Floats:
    """Instance by instance to everybody, until people act; the way back is as slow.

    With a ramp of R seconds and the act at T, s = min(T/R, 1): R s²/2 on the way there, T − R at
    the top if any, R s²/2 on the way back.
    """
    acted = rng.exponential(1.0, len(is_caught)) * a.human_seconds
    return _ramp(acted, a.roll_seconds)


def _ramp(acted: Floats, ramp: float) -> Floats:
    if ramp == 0:
        return acted
    reached = np.minimum(acted / ramp, 1.0)
    return ramp * reached**2 + np.maximum(acted - ramp, 0.0)


STRATEGIES: dict[str, Draw] = {"rolling": rolling, "blue_green": blue_green, "canary": canary}


def mean_exposure(a: Assumptions, strategy: str) -> float:
    """The expectation of one bad deploy's exposure, in full-fleet seconds, in closed form."""
    if strategy == "canary":
        caught = a.fraction * (a.detection_seconds + a.switch_seconds)
        missed = a.fraction * a.window_seconds + a.human_seconds + a.switch_seconds
        return a.catch_rate * caught + (1.0 - a.catch_rate) * missed
    if strategy == "blue_green":
        return a.human_seconds + a.switch_seconds
    return _mean_ramp(a.human_seconds, a.roll_seconds)


def _mean_ramp(mean: float, ramp: float) -> float:
    """E[min(T, R)²]/R + E[(T − R)⁺] for T exponential of mean H.

    E[min(T, R)²] = ∫₀ᴿ 2t e^(−t/H) dt = 2H² (1 − e⁻ʳ(1 + r)), E[(T − R)⁺] = H e⁻ʳ, r = R/H.
    """
    if ramp == 0 or mean == 0:
        return mean
    r = ramp / mean
    left = float(np.exp(-r))
    return 2.0 * mean**2 / ramp * (1.0 - left * (1.0 + r)) + mean * left
