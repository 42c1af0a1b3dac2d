"""One file of an Alembic history: read once, checked, and rendered without a database."""

from __future__ import annotations

import hashlib
import sys
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from davylamp.errors import BadInput
from davylamp.schema.phases import Phase
from davylamp.schema.render import Rendered, render
from davylamp.schema.revision import DualWrite, Revision

_DECLARABLE = (Phase.EXPAND, Phase.MIGRATE, Phase.CONTRACT)
_PHASES = ", ".join(f'"{one}"' for one in _DECLARABLE)


@dataclass(frozen=True)
class _Module:
    """A revision's module and the file it came from, for what there is to say of them."""

    file: Path
    names: dict[str, Any]

    def text(self, name: str) -> str:
        found = self.names.get(name)
        if not isinstance(found, str) or not found:
            raise self.wrong(f"{name} is {found!r}; write {name} = and its id in quotes")
        return found

    def wrong(self, what: str) -> BadInput:
        return BadInput(f"{self.file}: {what}")


def read_revision(file: Path) -> Revision:
    """Read, check and render one revision. `BadInput` names the file and what to do.

    The file is a program and is run: only files of people one trusts. It may import what is
    installed here (the standard library, SQLAlchemy, Alembic), not its own neighbours.
    """
    source = _source(file)
    module = _Module(file, _run(file, source))
    rendered = _rendered(module)
    phase, dual_write = _phase(module), _dual_write(module)
    if dual_write is not None and phase not in (Phase.MIGRATE, Phase.NONE):
        raise module.wrong(
            f'dual_write stands in a revision with phase "{phase}"; give it a revision of its '
            'own with phase = "migrate"'
        )
    return Revision(
        id=module.text("revision"),
        down=_down(module),
        phase=phase,
        file=file,
        sql=rendered.sql,
        sha256=hashlib.sha256(source).hexdigest(),
        depends_on=_depends_on(module),
        dual_write=dual_write,
        lines=rendered.lines,
    )


def _source(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror})") from error


def _run(file: Path, source: bytes) -> dict[str, Any]:
    """What the module defines. Not imported: what is hashed is what runs, nothing is left in
    sys.modules, and no cache is written beside the file."""
    name = f"davylamp_revision_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    module = types.ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{_place(file, error)}: does not import ({_words(error)}); a revision may import "
            "the standard library, SQLAlchemy and Alembic, and must not end the process"
        ) from error
    finally:
        del sys.modules[name]
    return module.__dict__


def _rendered(module: _Module) -> Rendered:
    upgrade = module.names.get("upgrade")
    if not callable(upgrade):
        raise module.wrong("has no upgrade(); write `def upgrade() -> None:`")
    try:
        return render(cast("Callable[[], None]", upgrade), module.file)
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{_place(module.file, error)}: upgrade() cannot be written as SQL without a "
            f"database ({_words(error)}); use op.* and op.execute, no connection and no queries"
        ) from error


def _phase(module: _Module) -> Phase:
    found = module.names.get("phase")
    if found is None:
        return Phase.NONE
    if found not in _DECLARABLE:
        raise module.wrong(f"phase is {found!r}; it must be one of {_PHASES}")
    return Phase(found)


def _dual_write(module: _Module) -> DualWrite | None:
    found = module.names.get("dual_write")
    if found is None:
        return None
    known = {one.name for one in fields(DualWrite)}
    if not isinstance(found, dict):
        raise module.wrong(_dual_write_wrong("is no dictionary"))
    given = cast("dict[Any, Any]", found)
    if unknown := sorted(str(key) for key in given if key not in known):
        raise module.wrong(_dual_write_wrong(f"has {', '.join(unknown)}, unknown here"))
    if missing := [one for one in ("table", "old", "new") if not given.get(one)]:
        raise module.wrong(_dual_write_wrong(f"lacks {', '.join(missing)}"))
    if odd := [key for key, value in given.items() if not isinstance(value, str) or not value]:
        raise module.wrong(_dual_write_wrong(f"has {', '.join(odd)} with no text"))
    made = DualWrite(**given)
    if made.old == made.new:
        raise module.wrong(_dual_write_wrong(f"has {made.old} as old and new"))
    for field, placeholder in (("forward", "{old}"), ("backward", "{new}")):
        if placeholder not in getattr(made, field):
            raise module.wrong(_dual_write_wrong(f"has a {field} without {placeholder}"))
    return made


def _dual_write_wrong(what: str) -> str:
    return (
        f'dual_write {what}; write dual_write = {{"table": "orders", "old": "state", '
        '"new": "status"}, and where needed schema, key, forward, backward'
    )


def _down(module: _Module) -> str | None:
    found = module.names.get("down_revision")
    if isinstance(found, tuple | list):
        raise module.wrong(
            "down_revision names several revisions; put the histories one after the other, "
            "so that each revision has one before it"
        )
    if found is not None and not isinstance(found, str):
        raise module.wrong(f"down_revision is {found!r}; it must be a revision's id, or None")
    return found or None


def _depends_on(module: _Module) -> tuple[str, ...]:
    found = module.names.get("depends_on")
    if found is None:
        return ()
    many = (found,) if isinstance(found, str) else found
    if not isinstance(many, tuple | list):
        raise module.wrong(f"depends_on is {found!r}; it must be ids of revisions, or None")
    return tuple(str(one) for one in cast("tuple[Any, ...]", many))


def _place(file: Path, error: BaseException) -> str:
    """`file:line`, where the error arose in the file itself."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{file}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _words(error: BaseException) -> str:
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
