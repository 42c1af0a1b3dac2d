"""Driving a release from beginning to end without Dagster: the command line and tests."""

from __future__ import annotations

from davylamp.ledger.releases import Release
from davylamp.rollout.conduct import Conduct, OnTick, Tick
from davylamp.rollout.schema_work import Listener


def _ignore(_: Tick) -> None:
    pass


def drive(conduct: Conduct, on_tick: OnTick = _ignore, tell: Listener | None = None) -> Release:
    """Call the stages in order; `tell` hears of the schema change. Whatever is raised, the release
    has ended by then."""
    try:
        conduct.verify()
        conduct.guard()
        conduct.expand(tell)
        conduct.migrate(tell)
        conduct.start()
        ending = conduct.steps(on_tick)
        if ending.kind == "hold":
            ending = conduct.hold(ending.reason, on_tick)
        if ending.kind == "promote":
            ending = conduct.promote(ending.reason, on_tick)
        if ending.kind == "promoted":
            conduct.confirm()
        else:
            conduct.roll_back(ending.reason)
        return conduct.release()
    except BaseException as error:
        if not conduct.release().state.is_end:
            conduct.interrupted(error)
        raise
