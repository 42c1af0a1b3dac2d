"""Reading an inventory: bytes in, a checked Inventory out, or what is wrong and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from davylamp.audit.inventory import Inventory
from davylamp.audit.problems import problems_of, short, told
from davylamp.errors import BadInput

_ADVICE = "docs/audit.md describes the format"


def read_inventory(content: bytes, source: str) -> Inventory:
    """Raises `BadInput` with file and field. `source` is what the file is called in messages."""
    document = _parsed(content, source)
    if not isinstance(document, dict):
        raise BadInput(f"{source}: not an object; {_ADVICE}")
    try:
        found = Inventory.model_validate(document)
    except ValidationError as error:
        raise BadInput(told(source, problems_of(error), _ADVICE)) from error
    wrong = list(_twice(found))
    if wrong:
        raise BadInput(told(source, wrong, _ADVICE))
    return found


def _parsed(content: bytes, source: str) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise BadInput(f"{source}:{error.lineno}:{error.colno}: not JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source}: not JSON that can be read ({error})") from error


def _twice(found: Inventory) -> Iterator[str]:
    """What may be there only once. Instances may well be reported twice: that is a finding."""
    yield from _repeated("services", [one.name for one in found.services])
    yield from _repeated("databases", [one.name for one in found.databases])
    for i, database in enumerate(found.databases):
        yield from _repeated(f"databases[{i}].lineage", list(database.lineage))


def _repeated(where: str, names: list[str]) -> Iterator[str]:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            yield f"{where}[{i}]: {short(name)} is there twice"
        seen.add(name)
