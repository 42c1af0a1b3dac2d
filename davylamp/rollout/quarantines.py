"""Quarantines whose watcher is gone: the rights go back, whoever took them.

By the keeper, every few seconds. A database that doesn't answer is left for the next look.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import structlog

from davylamp.errors import DavylampError
from davylamp.ledger.schema import GIVEN_BACK, append_schema_event, open_quarantines
from davylamp.rollout.contract_ready import databases_of_catalog
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.database import TargetDatabase
from davylamp.schema.quarantine import end_quarantine, give_back_abandoned
from davylamp.schema.quarantine_record import Quarantine, QuarantineState, read_quarantines

_log = structlog.get_logger("keeper")
_CONNECT_SECONDS = 2
DROP_WITHIN = timedelta(minutes=10)
"""Between a quarantine that passed and its drop: after that nobody is on the way to it."""


class LeftBehind:
    """Finds and ends them. It remembers what it has complained about: one for each thread."""

    def __init__(self, parts: Parts, drop_within: timedelta = DROP_WITHIN) -> None:
        self._parts, self._drop_within = parts, drop_within
        self._told: dict[str, str] = {}

    def give_back(self) -> dict[str, tuple[str, ...]]:
        """Database → columns whose rights were given back just now."""
        with self._parts.ledger.begin() as db:
            wanted = open_quarantines(db)
        if not wanted:
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for name, target in self._targets(wanted).items():
            try:
                given = self._of(target)
                if given:
                    found[name] = given
                    self._note(name, target, given)
            except (DavylampError, psycopg.Error) as error:
                self._complain(name, str(error))
            else:
                self._told.pop(name, None)
        return found

    def _targets(self, names: set[str]) -> dict[str, TargetDatabase]:
        """By the catalog as it is now, not as it was when the keeper began."""
        entries = databases_of_catalog(replace(self._parts))
        found: dict[str, TargetDatabase] = {}
        for name in sorted(names):
            if name not in entries:
                self._complain(name, "the catalog doesn't have it any more: where it is isn't told")
                continue
            try:
                found[name] = target_of(self._parts.settings, name, entries[name], _CONNECT_SECONDS)
            except DavylampError as error:
                self._complain(name, str(error))
        return found

    def _of(self, target: TargetDatabase) -> tuple[str, ...]:
        given = list(give_back_abandoned(target))
        for one in _never_dropped(_taken(target), self._drop_within):
            end_quarantine(target, one.held, "it passed, and nobody dropped the column")
            given.append(one.id)
        return tuple(given)

    def _note(self, name: str, target: TargetDatabase, given: tuple[str, ...]) -> None:
        left = [one.id for one in _taken(target)]
        message = f"nobody watched {', '.join(given)}: its roles have their rights again"
        with self._parts.ledger.begin() as db:
            data = {"rights_given_back": list(given), "rights_left": left}
            append_schema_event(db, name, GIVEN_BACK, message, by="keeper", data=data)

    def _complain(self, name: str, why: str) -> None:
        if self._told.get(name) != why:
            _log.warning("quarantine not looked after", database=name, why=why)
        self._told[name] = why


def _taken(target: TargetDatabase) -> list[Quarantine]:
    with target.connect("quarantine") as db:
        return [one for one in read_quarantines(db) if one.has_rights_taken]


def _never_dropped(taken: list[Quarantine], within: timedelta) -> list[Quarantine]:
    """Those that passed long ago, unless another column of the same drop is still watched."""
    if any(one.state is QuarantineState.OPEN for one in taken):
        return []
    last: datetime | None = max((one.watched_until for one in taken), default=None)
    return [one for one in taken if last is not None and last + within < one.now]
