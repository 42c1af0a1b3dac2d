"""An imaginary service: how fast it is, how often it fails, what it costs. No time in here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Service:
    """What canary, baseline and stable have in common, as they run the same code.

    Latency is log-normal with a Pareto tail: a share `tail_share` of requests starts at
    `tail_from` medians and falls off with exponent `tail_alpha`.
    """

    median_ms: float
    sigma: float
    """Of the logarithm of the latency."""
    tail_share: float
    tail_from: float
    tail_alpha: float
    error_rate: float
    client_error_rate: float
    answered: float
    """Share of failures that are answers (a 5xx) and so are timed; the rest are not."""
    failing_speed: float
    """Latency of a failing answer over that of a good one."""
    cpu_ms: float
    """A request."""
    idle_cores: float
    memory_bytes: float


def draw_service(rng: np.random.Generator, *, heavy_tailed: bool) -> Service:
    """A service within the ranges that were asked for: 2–200 ms, 0.01–0.5 % errors.

    `heavy_tailed`: a tail whose mean, or at least whose variance, does not exist.
    """
    return Service(
        median_ms=log_uniform(rng, 2, 200),
        sigma=rng.uniform(0.7, 1.2) if heavy_tailed else rng.uniform(0.3, 0.7),
        tail_share=rng.uniform(0.01, 0.05) if heavy_tailed else rng.uniform(0.001, 0.01),
        tail_from=rng.uniform(2, 5),
        tail_alpha=rng.uniform(0.9, 1.6) if heavy_tailed else rng.uniform(2, 3),
        error_rate=log_uniform(rng, 1e-4, 5e-3),
        client_error_rate=log_uniform(rng, 1e-3, 5e-2),
        answered=rng.uniform(0.3, 1.0),
        failing_speed=log_uniform(rng, 0.2, 2),
        cpu_ms=log_uniform(rng, 0.2, 5),
        idle_cores=rng.uniform(0.005, 0.03),
        memory_bytes=log_uniform(rng, 60e6, 2e9),
    )


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
