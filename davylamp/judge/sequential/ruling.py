"""From evidence to an outcome, with the sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from davylamp.judge.recording import Recording
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.safety import SAFE_TESTS
from davylamp.judge.sequential.tick import BASELINE, CANARY
from davylamp.judge.sequential.words import MetricEvidence, lately, metrics_of
from davylamp.judge.verdict import Outcome


@dataclass(frozen=True)
class Ruling:
    """What the judge says of one stream, and when (0-based ticks)."""

    id: str
    outcome: Outcome
    at_tick: int
    promotable_at_tick: int | None
    headline: str
    metrics: tuple[MetricEvidence, ...]
    missing: tuple[str, ...]
    log_harm: float
    other_judges: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the fixed-window rules would have said of the same ticks."""


def rule(
    judges: Judges, look: Look, i: int, recording: Recording, at: int, promotable_at: int | None
) -> Ruling:
    """Rule on release `i` now: harm, else harmlessness, else a human."""
    metrics = metrics_of(judges, look, i)
    missing = what_is_missing(judges, look, i) + recording.notes
    outcome = Outcome.MANUAL
    if look.must_go_back(i):
        outcome = Outcome.ROLLBACK
    elif look.is_promotable[i] and not recording.notes:
        outcome = Outcome.PROMOTE
    return Ruling(
        id=recording.id,
        outcome=outcome,
        at_tick=at,
        promotable_at_tick=None if recording.notes else promotable_at,
        headline=headline(outcome, metrics, missing, judges, look, i),
        metrics=metrics,
        missing=missing,
        log_harm=float(look.harm[i]),
    )


def headline(
    outcome: Outcome,
    metrics: tuple[MetricEvidence, ...],
    missing: tuple[str, ...],
    judges: Judges,
    look: Look,
    i: int,
) -> str:
    """One sentence a person understands."""
    n_c, n_b = (f"{judges.totals[i, s, 0]:,.0f}" for s in (CANARY, BASELINE))
    seen = f"over {n_c} requests of the candidate and {n_b} of the baseline"
    if outcome is Outcome.ROLLBACK and look.is_harmful[i]:
        recent = lately(judges, i) if metrics[0].name == "error_rate" else ""
        return f"{recent}{metrics[0].says}"
    if outcome is Outcome.ROLLBACK:
        return (
            "both sides fail or crawl as they did not before, and go on doing so: the newcomer "
            f"goes first; {_distress(judges, i)}"
        )
    if outcome is Outcome.PROMOTE:
        shown = sum(m.log_safe is not None for m in metrics)
        return f"harm is excluded in {shown} metrics {seen}"
    return f"held back: {missing[0] if missing else 'the evidence is not clear'}; {seen}"


def what_is_missing(judges: Judges, look: Look, i: int) -> tuple[str, ...]:
    """Why this can't be promoted, the worst first; empty when it can."""
    found = list(judges.quality.complaints(i))
    if judges.quality.distressed(judges.policy)[i]:
        found.append(f"{_distress(judges, i)}: harm to both is still harm")
    if look.harm[i] >= math.log(judges.policy.doubtful_evidence):
        found.append(f"some evidence of harm (1 : {math.exp(min(look.harm[i], 50)):.0f})")
    found.extend(_unproven(judges, look, i))
    return tuple(found)


def _distress(judges: Judges, i: int) -> str:
    recent, _ = judges.quality.rates()
    mine, theirs = 100 * recent[i, CANARY], 100 * recent[i, BASELINE]
    return (
        f"{mine:.1f} % of the candidate's and {theirs:.1f} % of the baseline's requests of the "
        "last two minutes fail"
    )


def _unproven(judges: Judges, look: Look, i: int) -> list[str]:
    enough = math.log(judges.policy.safe_evidence)
    age = float(judges.age[i]) * judges.shape.tick_seconds - judges.policy.warm_up_seconds
    found: list[tuple[float, str]] = []
    for name, have in zip(SAFE_TESTS, look.safe[i].tolist(), strict=True):
        if not np.isfinite(have) or have >= enough:
            continue
        if have > 0.1 and age > 0:
            more = age * (enough - have) / have
            when = f"about {math.ceil(more):,} s more of the same would do"
        else:
            when = "nothing yet speaks for it"
        found.append((have, f"{name}: harmlessness is not shown yet ({when})"))
    return [text for _, text in sorted(found)]
