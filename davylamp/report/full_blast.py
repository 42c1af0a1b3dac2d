"""The counterfactual: what a candidate would have cost, had everybody had it at once. Pure."""

from __future__ import annotations


def failure_share(failed: float, completed: float) -> float:
    """Share of the candidate's attempts that failed; 0 when it had none."""
    return failed / completed if completed else 0.0


def full_blast_failures(requests: float, share: float) -> int:
    """All requests to the service from the first user to the decision × the share of the
    candidate's attempts that failed. Generous to the full-blast deploy, which would hardly be
    taken back as soon."""
    return round(requests * share)
