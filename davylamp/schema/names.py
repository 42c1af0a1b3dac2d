"""Names of PostgreSQL: read from a parse tree, and written so that they can be read again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pglast.ast import RangeVar, String
from pglast.keywords import RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

LONGEST_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL cuts longer names, and so does its parser."""
DEFAULT_SCHEMA = "public"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_WORDS = RESERVED_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS


@dataclass(frozen=True)
class Name:
    """A relation, type or function. A name without schema is taken to be in `public`: a
    revision may not set search_path."""

    schema: str
    name: str

    def __str__(self) -> str:
        given = () if self.schema == DEFAULT_SCHEMA else (self.schema,)
        return quoted(*given, self.name)


def quoted(*parts: str) -> str:
    """`schema.name` or `name`, with quotes where PostgreSQL would need them."""
    return ".".join(part if _is_plain(part) else _in_quotes(part) for part in parts)


def name_of(parts: RangeVar | Sequence[Any]) -> Name:
    """The name in a RangeVar, or in the list of strings that a parse tree has elsewhere."""
    if isinstance(parts, RangeVar):
        return Name(parts.schemaname or DEFAULT_SCHEMA, parts.relname or "")
    texts = words(parts)
    return Name(texts[-2] if len(texts) > 1 else DEFAULT_SCHEMA, texts[-1] if texts else "")


def words(parts: Sequence[Any]) -> tuple[str, ...]:
    return tuple(one.sval or "" for one in parts if isinstance(one, String))


def written(relation: RangeVar) -> str:
    """A relation as its statement names it."""
    given = (relation.catalogname, relation.schemaname, relation.relname)
    return quoted(*(part for part in given if part))


def made_up(*parts: str) -> str:
    """A name for something new, of names that are there: cut to fit, and still its own."""
    whole = "_".join(parts)
    if len(whole.encode()) <= LONGEST_BYTES:
        return whole
    mark = hashlib.sha256(whole.encode()).hexdigest()[:6]
    tail = f"_{mark}_{parts[-1]}"
    return whole.encode()[: LONGEST_BYTES - len(tail.encode())].decode(errors="ignore") + tail


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and name not in _WORDS


def _in_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
