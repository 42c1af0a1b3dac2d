"""Bench: what the judge has heard of a release so far, read from the ledger as it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from davylamp.judge.hearing import Hearing
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample, Series
from davylamp.ledger import evidence
from davylamp.ledger.session import Ledger


@dataclass
class Bench:
    """All samples of a release, and a hearing that was fed with them.

    A release that is picked up by another op, or another process, reads them again from the
    first one, and so goes on where it was. `reference` is the baseline's series of earlier, for
    the watch at 100 %, where no baseline runs; then only what is later than `since` is heard.
    """

    ledger: Ledger
    release_id: int
    policy: JudgePolicy
    reference: Series | None = None
    since: float = 0.0
    samples: dict[Role, list[Sample]] = field(default_factory=dict[Role, list[Sample]])

    def __post_init__(self) -> None:
        self.hearing = Hearing(self.policy, self.reference)

    def read(self) -> bool:
        """Take in what is new. Whether any of it was of the candidate."""
        newest = max((s[-1].at for s in self.samples.values() if s), default=self.since)
        with self.ledger.begin() as db:
            news = evidence.read_samples(db, self.release_id, after=newest)
        for role, found in news.items():
            self.samples.setdefault(role, []).extend(found)
        self.hearing.hear(news)
        return bool(news[Role.CANDIDATE])

    def later_than(self, role: Role, at: float) -> Sequence[Sample]:
        """A side's samples from `at` (Unix seconds) on."""
        return [s for s in self.samples.get(role, []) if s.at > at]
