"""FlagNames: which flags are active, and which names were retired. One implementation a file."""

from __future__ import annotations

from typing import Protocol

from davylamp.audit.inventory import Flags


class FlagNames(Protocol):
    """What serves flags, as far as the audit has to know."""

    def read(self) -> Flags:
        """Names and revision right now. Raises `Unreachable` or `BadInput`."""
        ...
