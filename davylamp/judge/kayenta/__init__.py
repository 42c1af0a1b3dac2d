"""The fixed-window judge that Netflix's Kayenta made known, written anew.

Nouns: MetricInput, MetricResult, Score. It looks once, at the end of a window: looking again
and again raises false alarms, so nothing here is to be used at every tick.
"""

from __future__ import annotations

from davylamp.judge.kayenta.classify import judge_metric
from davylamp.judge.kayenta.document import judge_document
from davylamp.judge.kayenta.metric import Classification, MetricInput, MetricResult

__all__ = ["Classification", "MetricInput", "MetricResult", "judge_document", "judge_metric"]
