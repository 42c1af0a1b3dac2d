"""Advice: the safe way, as SQL for this very statement. What isn't SQL stands in comments."""

from __future__ import annotations

import json
from collections.abc import Iterable

LATER = "-- in a later revision:"
MIGRATE_LATER = '-- in a later revision, phase = "migrate":'
CONTRACT_LATER = (
    '-- in a revision of a later release, phase = "contract", once no live build needs it:'
)


def lines(*given: str) -> str:
    return "\n".join(one for one in given if one)


def said(*sentences: str) -> str:
    """Advice without SQL."""
    return "\n".join(f"-- {one}" for one in sentences)


def commented(text: str) -> str:
    return "\n".join(f"-- {line}" for line in text.splitlines())


def dual_write(table: str, old: str, new: str, schema: str = "public", forward: str = "") -> str:
    """What a migrate revision says for the engine to keep two columns equal."""
    given = {"table": table, "old": old, "new": new}
    if schema != "public":
        given["schema"] = schema
    if forward:
        given["forward"] = forward
    return commented(f"dual_write = {json.dumps(given, ensure_ascii=False)}")


def validated(table: str, constraint: str, then: Iterable[str] = ()) -> str:
    """The second half of a constraint that was added NOT VALID. Names as they are written."""
    return lines(MIGRATE_LATER, f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint};", *then)
