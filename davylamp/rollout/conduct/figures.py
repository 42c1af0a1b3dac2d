"""What candidate and baseline did over a whole release, for the record."""

from __future__ import annotations

from davylamp.errors import DavylampError
from davylamp.judge.sample import Role, Series, series_of
from davylamp.ledger import evidence
from davylamp.rollout.parts import Parts


def both_sides(parts: Parts, release_id: int) -> tuple[Series, Series]:
    """What candidate and baseline did over the whole release so far."""
    with parts.ledger.begin() as db:
        samples = evidence.read_samples(db, release_id)
    return series_of(samples[Role.CANDIDATE]), series_of(samples[Role.BASELINE])


def figures_of(parts: Parts, release_id: int) -> dict[str, float]:
    """Requests and failures of both sides; empty when they can't be read. Figures never keep a
    release from ending."""
    try:
        candidate, baseline = both_sides(parts, release_id)
    except (DavylampError, ValueError, TypeError, KeyError):
        return {}
    return {
        "candidate_requests": float(candidate.completed.sum()),
        "candidate_failed": float(candidate.failed.sum()),
        "baseline_requests": float(baseline.completed.sum()),
        "baseline_failed": float(baseline.failed.sum()),
    }


def in_words(figures: dict[str, float]) -> str:
    if not figures:
        return "no figures"
    return (
        f"the candidate had {figures['candidate_requests']:.0f} requests, "
        f"{figures['candidate_failed']:.0f} failed; the baseline "
        f"{figures['baseline_requests']:.0f}, {figures['baseline_failed']:.0f} failed"
    )
