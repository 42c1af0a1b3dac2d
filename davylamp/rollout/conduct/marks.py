"""Marks: where a service's databases stood when a release's first copy was about to write."""

from __future__ import annotations

from davylamp.errors import DavylampError
from davylamp.rollout.conduct.session import Session
from davylamp.rollout.since import MARKED
from davylamp.schema.contamination import mark_of
from davylamp.schema.whereabouts import url_of


def mark_databases(session: Session) -> None:
    """Write down a mark for each database, for a look at what was written later. A database
    that doesn't answer keeps no release from starting: then all its rows count."""
    marks: dict[str, int] = {}
    without: list[str] = []
    for name, entry in session.service.databases.items():
        try:
            marks[name] = mark_of(url_of(session.parts.settings, name, entry), name)
        except DavylampError as error:
            without.append(f"{name}: {error}")
    if session.service.databases:
        message = "; ".join(without) or f"where {', '.join(marks)} stood before its first copy"
        session.note(MARKED, message, marks=marks)
