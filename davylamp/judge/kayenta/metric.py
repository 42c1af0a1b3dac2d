"""One metric as it comes in, and as it is classified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """The change that is bad."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


class NanStrategy(StrEnum):
    REMOVE = "remove"
    REPLACE = "replace"


class Outliers(StrEnum):
    KEEP = "keep"
    REMOVE = "remove"


class EffectSize(StrEnum):
    MEAN_RATIO = "meanRatio"
    CLES = "cles"

    @property
    def neutral(self) -> float:
        """The size of no effect at all."""
        return 1.0 if self is EffectSize.MEAN_RATIO else 0.5


class Classification(StrEnum):
    PASS = "Pass"
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"
    NODATA_FAIL = "NodataFailMetric"
    ERROR = "Error"


@dataclass(frozen=True)
class MetricInput:
    """What both builds reported for one metric; NaN where a point is missing.

    `control` is the baseline, `experiment` the candidate. A bound of None is the effect
    size's neutral value: 1 for `meanRatio`, 0.5 for `cles`.
    """

    name: str
    control: Sequence[float]
    experiment: Sequence[float]
    direction: Direction = Direction.EITHER
    nan_strategy: NanStrategy = NanStrategy.REMOVE
    outliers: Outliers = Outliers.KEEP
    critical: bool = False
    must_have_data: bool = False
    allowed_increase: float | None = None
    allowed_decrease: float | None = None
    critical_increase: float | None = None
    critical_decrease: float | None = None
    effect_size: EffectSize = EffectSize.MEAN_RATIO
    group: str = ""

    def bound(self, given: float | None) -> float:
        return self.effect_size.neutral if given is None else given


@dataclass(frozen=True)
class MetricResult:
    """How a metric was classified, and why. Numbers are NaN where they could not be had.

    `is_critical_failure`: this metric alone makes the whole score 0.
    """

    name: str
    classification: Classification
    reason: str
    lower: float = float("nan")
    upper: float = float("nan")
    estimate: float = float("nan")
    effect_size: float = float("nan")
    is_critical_failure: bool = False
    group: str = ""
