"""The judge with most of its tests put to rest: the same arithmetic in half of the time."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.dispersion import Dispersion
from davylamp.judge.sequential.judges import Judges
from davylamp.judge.sequential.policy import REQUEST_TESTS, RESOURCE_TESTS, SequentialPolicy
from davylamp.judge.sequential.resources import BlockEnds
from davylamp.judge.sequential.restarts import Restarting
from davylamp.judge.sequential.share_test import Events, both_kinds
from davylamp.judge.sequential.sides import Seen
from davylamp.judge.sequential.tick import Bools, Shape, Tick


class ErrorJudges(Judges):
    """Only the tests of errors, of `rows` releases of one age, candidate against baseline alone.

    The other tests are shown nothing, so that they neither help nor hinder.
    """

    def __init__(self, rows: int, policy: SequentialPolicy) -> None:
        super().__init__(Shape(rows, (1.0, 1.25)), policy)
        self.age = np.zeros(1, dtype=np.intp)
        """One for all: what depends on it is computed once, and broadcast."""

    def harm_after(self, errors: Events) -> Floats:
        """Take one second in (rows, 1); the logarithm of the evidence of harm (rows,)."""
        self.age += 1
        active = self.age * self.shape.tick_seconds > self.policy.warm_up_seconds
        ends = BlockEnds(self._every(5.0), self._every(10.0))
        nothing = _no_events(len(errors.c))
        several = _no_events(3, len(errors.c))
        seen = Seen(errors, several, nothing, nothing, several)
        tests = self._request_tests(_NO_TICK, seen, active, ends)
        return np.logaddexp.reduce(tests + self.log_weights[: tests.shape[1]], axis=1)

    def keep(self, rows: Bools) -> None:
        """Go on with some of the rows only."""
        self.shape = replace(self.shape, releases=int(rows.sum()))
        self.tests = Restarting(self.tests.first[rows], self.tests.later[rows])
        columns = {f.name: getattr(self.dispersion, f.name) for f in fields(self.dispersion)}
        self.dispersion = Dispersion(**{name: v[..., rows, :] for name, v in columns.items()})


class HealthJudges(Judges):
    """Only what has to be shown before anything is promoted; evidence of harm stays at 1.

    Of healthy builds one in ten at the very worst gets as much as would hold it back, and none
    in thousands where requests are independent.
    """

    def _request_tests(self, tick: Tick, seen: Seen, active: Bools, ends: BlockEnds) -> Floats:
        self.dispersion.feed(both_kinds(seen.errors, seen.gross_slow), ends.ten[:, None])
        return np.zeros((len(active), len(REQUEST_TESTS)))

    def _resource_tests(self, tick: Tick, active: Bools, ends: BlockEnds) -> Floats:
        return np.zeros((len(active), len(RESOURCE_TESTS)))


@lru_cache(maxsize=8)
def _no_events(*rows: int) -> Events:
    """No event of so many kinds, of nobody's requests."""
    zero, nobody = np.zeros((*rows, 1)), np.zeros((rows[-1], 1))
    return Events(zero, zero, nobody, nobody)


def _no_tick() -> Tick:
    none, nobody = np.zeros((0, 2)), np.zeros((0, 0))
    return Tick(
        known=np.zeros((0, 2), dtype=np.bool_),
        completed=none,
        failed=none,
        client_errors=none,
        latency=np.zeros((0, 2, 1)),
        cpu_seconds=none,
        memory_bytes=none,
        started=none,
        in_flight=none,
        restarts=none,
        slice_completed=nobody,
        slice_failed=nobody,
        slice_latency=np.zeros((0, 0, 1)),
    )


_NO_TICK = _no_tick()
"""Only stable's slices are read of it, and there are none."""
