"""Bench: what the judge has heard of a release so far, read from the ledger as it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from davylamp.judge.hearing import Hearing
from davylamp.judge.named_metrics import NamedTick
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample, Series
from davylamp.ledger import evidence
from davylamp.ledger.named import read_named
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
    _named_until: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.hearing = Hearing(self.policy, self.reference)

    def read(self) -> bool:
        """Take in what is new. Whether any of it was of the candidate."""
        newest = max((s[-1].at for s in self.samples.values() if s), default=self.since)
        with self.ledger.begin() as db:
            news = evidence.read_samples(db, self.release_id, after=newest)
            named = self._read_named(db)
        for role, found in news.items():
            self.samples.setdefault(role, []).extend(found)
        self.hearing.hear(news, named)
        return bool(news[Role.CANDIDATE])

    def _read_named(self, db: Connection) -> Sequence[NamedTick]:
        """What is new of the service's own metrics; they are compared with a baseline only."""
        if not self.policy.named or self.reference is not None:
            return ()
        found = read_named(db, self.release_id, after=self._named_until)
        self._named_until = found[-1].at if found else self._named_until
        return found

    def later_than(self, role: Role, at: float) -> Sequence[Sample]:
        """A side's samples from `at` (Unix seconds) on."""
        return [s for s in self.samples.get(role, []) if s.at > at]
