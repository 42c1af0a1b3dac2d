"""A schema change as an operator reads it: a few figures, a table of revisions, who needs what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.table import text_table

if TYPE_CHECKING:
    from assets.migration_state import DatabaseChange

_COLUMNS = ("database", "revision", "phase", "state", "statements", "brought by", "why it stopped")
_NONE = "none"


def metadata_of(databases: Sequence[DatabaseChange]) -> dict[str, Any]:
    """Of one service. Where it uses several databases, each figure says of which it is."""
    told = {one.name: figures_of(one) | _volatile(one) for one in databases}
    needed = sum(len(needs_of(one)) for one in databases)
    return {
        **_together(told),
        "still needed by": needed,
        "revisions": _table(databases),
        "who needs what": dg.MetadataValue.md(who_needs_what(databases)),
    }


def figures_of(one: DatabaseChange) -> dict[str, Any]:
    """What is news when it changes: no rates, no counts of sessions."""
    document = one.document
    return {
        "phase": document.get("phase", "not looked at yet"),
        "revision": document.get("revision") or _NONE,
        "pending": ", ".join(_pending(one)) or _NONE,
        "progress": "; ".join(_progress(document)) or "nothing under way",
        "quarantine": "; ".join(_quarantines(document)) or _NONE,
        "stopped": document.get("stopped") or "no",
        "next drop": _next_drop(one),
    }


def needs_of(one: DatabaseChange) -> list[list[str]]:
    """Who is against the next drop: kind, who, what it runs, why. How many sessions a
    client has changes all the time."""
    answer = one.outlook.answer if one.outlook else None
    found = [
        [b.kind, re.sub(r", \d+ sessions\)$", ")", b.who), b.build, b.why]
        for b in (answer.blockers if answer else ())
    ]
    return [row for place, row in enumerate(found) if row not in found[:place]]


def who_needs_what(databases: Sequence[DatabaseChange]) -> str:
    """Markdown."""
    parts: list[str] = []
    for one in databases:
        if one.outlook is None:
            continue
        parts.append(f"**{one.name}**: {_plain(one.outlook.reason)}")
        rows = needs_of(one)
        if rows:
            lines = ["| what | who | runs | why |", "| --- | --- | --- | --- |"]
            lines += [f"| {' | '.join(map(_plain, row))} |" for row in rows]
            parts.append("\n".join(lines))
        lost = [str(name) for name in (one.outlook.answer.no_return if one.outlook.answer else ())]
        if lost:
            parts.append(f"After it nobody goes back to: {_plain(', '.join(lost))}")
    return "\n\n".join(parts) or "no drop is next"


def _together(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if len(told) == 1:
        return dict(next(iter(told.values())))
    names = {name: None for figures in told.values() for name in figures}
    return {
        figure: "; ".join(f"{name}: {of[figure]}" for name, of in told.items() if figure in of)
        for figure in names
    }


def _volatile(one: DatabaseChange) -> dict[str, Any]:
    running = [b for b in one.document.get("backfills", ()) if b["state"] != "done"]
    found: dict[str, Any] = {}
    if running:
        left = running[0]["seconds_left"]
        found["rows done"] = running[0]["rows_done"]
        found["rows/s"] = round(running[0]["rows_per_second"])
        found["seconds left"] = _NONE if left is None else round(left)
    return found


def _pending(one: DatabaseChange) -> Iterator[str]:
    phases = {known.revision: known.phase for known in one.known}
    for revision in one.document.get("pending", ()):
        yield f"{revision} ({phases.get(revision, 'unknown')})"


def _progress(document: Mapping[str, Any]) -> Iterator[str]:
    for one in document.get("backfills", ()):
        yield f"{one['backfill']}: {one['state']}, {one['share']:.0%}"


def _quarantines(document: Mapping[str, Any]) -> Iterator[str]:
    for one in document.get("quarantines", ()):
        why = f" ({one['reason']})" if one["reason"] else f" until {one['until'][:19]}"
        yield f"{one['column']}: {one['state']}{why}"


def _next_drop(one: DatabaseChange) -> str:
    outlook = one.outlook
    if outlook is None:
        return _NONE
    if outlook.answer is None:
        return "not known: something did not answer"
    return f"{outlook.revision}: {'nobody needs it' if outlook.is_ready else 'still needed'}"


def _table(databases: Sequence[DatabaseChange]) -> dg.TableMetadataValue:
    return text_table(_COLUMNS, (row for one in databases for row in _rows(one)))


def _rows(one: DatabaseChange) -> Iterator[dict[str, str]]:
    ran = {row["id"]: row for row in one.document.get("revisions", ())}
    waits = set(one.document.get("pending", ()))
    for known in one.known:
        row = ran.get(known.revision)
        state = row["state"] if row else "pending" if known.revision in waits else "not ours"
        yield {
            "database": one.name,
            "revision": known.revision,
            "phase": known.phase,
            "state": state,
            "statements": f"{row['done']} of {row['statements']}" if row else "–",
            "brought by": known.brought_by,
            "why it stopped": row["reason"] if row else "",
        }


def _plain(text: str) -> str:
    """No column of a table ends in the middle of a reason."""
    return " ".join(text.split()).replace("|", "\\|")
