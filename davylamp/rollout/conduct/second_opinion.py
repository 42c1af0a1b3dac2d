"""A build that the judge took back: known as bad at once, or only when it has failed twice.

What made the first try fail often recurs, so two alarms are more than one and less than proof;
but fresh copies and other users rule out the worst luck.
"""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy import Connection

from davylamp.ledger import evidence
from davylamp.ledger.releases import Release, append_event
from davylamp.rollout.entry import entry_of

SECOND_OPINION = "second opinion"
"""Who asks for the second try."""


def blame(db: Connection, release: Release, reason: str) -> None:
    """Remember the build as bad; where its service wants a second opinion, ask for one first.

    In the transaction of the roll-back: a second try is asked for once, or not at all.
    """
    if not release.digest:
        return
    if release.requested_by == SECOND_OPINION:
        evidence.mark_bad(db, release.service, release.digest, f"failed twice: {reason}")
        return
    if not _wants_second_opinion(release):
        evidence.mark_bad(db, release.service, release.digest, reason)
        return
    image = f"{release.version or release.image.partition('@')[0]}@{release.digest}"
    evidence.ask_for_release(db, release.service, image, by=SECOND_OPINION)
    message = "to be tried once more, with fresh copies and other users"
    append_event(db, release.id, "second_opinion", message)


def _wants_second_opinion(release: Release) -> bool:
    try:
        return entry_of(release).judge.second_opinion
    except ValidationError:  # written by another version: no reason to try a bad build again
        return False
