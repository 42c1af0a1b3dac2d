"""What `new_image` remembers between two looks: for each service the newest tag it has seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """A tag, and what it stood for when it was first seen. Only that digest was ever released."""

    tag: str
    digest: str
    moved_to: str = ""
    """Another digest the tag was moved to later, and that was not released for it."""


def load_seen(cursor: str | None) -> dict[str, Seen]:
    """Seen tags by service; nothing from a cursor that nobody can read."""
    try:
        found = json.loads(cursor or "{}")
        return {service: Seen(*entry) for service, entry in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def dump_seen(seen: Mapping[str, Seen]) -> str:
    """Short, since every tick is stored with it: 500 services make 50 KB."""
    entries = {
        service: [one.tag, one.digest] + ([one.moved_to] if one.moved_to else [])
        for service, one in sorted(seen.items())
    }
    return json.dumps(entries, separators=(",", ":"))
