"""Reading waivers: a YAML file in, Waivers out, or what is wrong and where."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from davylamp.audit.problems import problems_of, told
from davylamp.audit.waivers import Waiver
from davylamp.errors import BadInput

_ADVICE = "docs/audit.md shows a file of waivers"
_Text = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    code: _Text
    service: _Text | None = None
    instance: _Text | None = None
    owner: _Text
    reason: _Text
    expires: datetime | date

    def waiver(self) -> Waiver:
        return Waiver(
            code=self.code,
            owner=self.owner,
            reason=self.reason,
            expires=_end(self.expires),
            service=self.service,
            instance=self.instance,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    waivers: tuple[_Entry, ...]


def waivers_of(file: Path | None) -> list[Waiver]:
    """Of a file; none without one. Raises `BadInput`: with waivers that can't be read, nobody
    knows what is answered for."""
    if file is None:
        return []
    try:
        return read_waivers(file.read_bytes(), str(file))
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error})") from error


def read_waivers(content: bytes, source: str) -> list[Waiver]:
    """Raises `BadInput` with file and field: no waiver without owner, reason and end."""
    try:
        document: Any = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{source}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(document, dict):
        raise BadInput(f"{source}: not a mapping with `waivers`; {_ADVICE}")
    try:
        return [entry.waiver() for entry in _File.model_validate(document).waivers]
    except ValidationError as error:
        raise BadInput(told(source, problems_of(error), _ADVICE)) from error


def _end(expires: datetime | date) -> datetime:
    """A day counts to its end, in UTC."""
    if isinstance(expires, datetime):
        return expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return datetime.combine(expires, time(), UTC) + timedelta(days=1)
