"""The services' own word while a column is in quarantine: do their users fail more than before?

What their stable sides report, once a second, by a thread of its own: a source that is slow keeps
nobody from watching the database. A source that doesn't answer says nothing: a quarantine is then
as good as its other witness, the sessions of the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import structlog

from davylamp.errors import DavylampError
from davylamp.judge.sample import Role
from davylamp.ledger.inventory import live_services
from davylamp.rollout.failing_more import Heard, first_heard, hear, reading_of, told
from davylamp.rollout.parts import Parts
from davylamp.signals.open import open_source
from davylamp.signals.protocol import Source, Watched

_log = structlog.get_logger("quarantine")
_EVERY_SECONDS = 1.0


@contextmanager
def failures_of_users(
    parts: Parts, database: str, source: Source | None = None
) -> Generator[Callable[[], str]]:
    """Begin before the rights are taken: the first reading is what the others are held against.

    Yields what `watch_quarantine` takes as its signal."""
    ears = _Ears(source or _source_of(parts), _sides(parts, database))
    ears.listen()
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(_EVERY_SECONDS):
            ears.listen()

    thread = threading.Thread(target=go_on, name="failures of users", daemon=True)
    thread.start()
    try:
        yield lambda: ears.said
    finally:
        stop.set()
        thread.join(timeout=5.0)


class _Ears:
    """Remembers what each service reported."""

    def __init__(self, source: Source | None, sides: list[Watched]) -> None:
        self._source, self._sides = source, sides
        self._heard: dict[str, Heard] = {}
        self._is_deaf = False
        self.said = ""
        """What was wrong first: it stays said."""

    def listen(self) -> None:
        if self._source is None or not self._sides or self.said:
            return
        try:
            samples = self._source.read(self._sides)
        except DavylampError as error:
            if not self._is_deaf:
                _log.warning("services can't be heard; their sessions still can", why=str(error))
            self._is_deaf = True
            return
        self._is_deaf = False
        words: list[tuple[str, str]] = []
        for sample in samples:
            now = reading_of(sample)
            known = self._heard.get(sample.service)
            found = hear(known, now) if known else (first_heard(now), "")
            self._heard[sample.service] = found[0]
            words.append((sample.service, found[1]))
        self.said = told(words)


def _sides(parts: Parts, database: str) -> list[Watched]:
    """The stable sides of the services that use it."""
    with parts.ledger.begin() as db:
        live = live_services(db)
    return [
        Watched(name, Role.STABLE, (live[name].stable_release_id or 0) if name in live else 0)
        for name, service in parts.catalog.services.items()
        if database in service.databases
    ]


def _source_of(parts: Parts) -> Source | None:
    try:
        return open_source(parts.settings)
    except DavylampError as error:
        _log.warning("there is no source of the services' failures", why=str(error))
        return None
