"""Concern: a finding of the audit, as its document tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from davylamp.errors import BadInput


@dataclass(frozen=True)
class Concern:
    """What is wrong, and where. '' for a service or an instance it isn't about."""

    code: str
    severity: str
    service: str
    instance: str
    detail: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Concern:
        """Raises `BadInput` for what is no finding."""
        try:
            found = {name: document[name] or "" for name in cls.__dataclass_fields__}
        except KeyError as error:
            raise BadInput(f"a finding without {error}: {dict(document)!r:.200}") from error
        return cls(**{name: str(value) for name, value in found.items()})

    @property
    def where(self) -> str:
        return self.instance or self.service or "the fleet"
