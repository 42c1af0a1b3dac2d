"""A path as it is given: a file of SQL, a folder of them, or an Alembic folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from davylamp.errors import BadInput
from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.finding import FileVerdict, Finding
from davylamp.schema.lint.lint import lint_sql
from davylamp.schema.lint.revisions import lint_revisions
from davylamp.schema.phases import Phase, furthest
from davylamp.schema.revision import Revision
from davylamp.schema.revisions import VERSIONS, is_history, load_revisions

_SUFFIX = ".sql"


@dataclass(frozen=True)
class Source:
    """A file's SQL, for what looks at it beside the rules."""

    file: str
    sql: str
    lines: tuple[int, ...] = ()
    """As in Revision; () when the SQL's lines are the file's."""


@dataclass(frozen=True)
class Lint:
    """What was linted, and what came of it."""

    files: tuple[FileVerdict, ...]
    sources: tuple[Source, ...]
    is_folder: bool
    beside: tuple[Finding, ...] = ()
    """What was found of no file in particular."""

    @property
    def phase(self) -> Phase:
        """Refused if any file is, else the furthest of them."""
        return furthest(one.phase for one in self.files)


def lint_path(path: Path) -> Lint:
    """Lint what is at `path`. `BadInput` when there is nothing to lint."""
    if not path.exists():
        raise BadInput(f"{path} does not exist: give a .sql file, a folder of them, or Alembic's")
    if path.is_file():
        return _files([path], is_folder=False)
    history = path.parent if path.name == VERSIONS and is_history(path.parent) else path
    if is_history(history):
        return lint_history(load_revisions(history))
    found = [one for one in path.rglob("*") if one.suffix.lower() == _SUFFIX and one.is_file()]
    if not found:
        raise BadInput(
            f"{path} holds no {_SUFFIX} files and no folder {VERSIONS}/: nothing to lint"
        )
    return _files(sorted(found, key=_natural), is_folder=True)


def lint_history(revisions: Sequence[Revision]) -> Lint:
    sources = tuple(Source(str(one.file), one.sql, one.lines) for one in revisions)
    return Lint(lint_revisions(revisions), sources, is_folder=True)


def _files(paths: Sequence[Path], is_folder: bool) -> Lint:
    """In the order of their names, which is taken to be the order they run in."""
    context = Context()
    verdicts: list[FileVerdict] = []
    sources: list[Source] = []
    for path in paths:
        text = _text(path)
        if text is None:
            verdicts.append(_no_text(path))
            context.forget()
            continue
        verdicts.append(lint_sql(text, str(path), context))
        sources.append(Source(str(path), text))
    return Lint(tuple(verdicts), tuple(sources), is_folder)


def _text(path: Path) -> str | None:
    if path.suffix == ".py":
        raise BadInput(f"{path} is one revision: give the folder that holds its {VERSIONS}/")
    try:
        # A byte order mark is what some editors leave; psql skips it as well.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error


def _no_text(path: Path) -> FileVerdict:
    advice = said("save it as UTF-8")
    found = Finding("unparsable", Phase.REFUSED, str(path), 1, "", "it is not UTF-8", advice)
    return FileVerdict(str(path), Phase.REFUSED, (found,))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """2_b.sql comes before 10_a.sql."""
    pieces = re.findall(r"\d+|\D+", path.as_posix())
    return [(0, int(one), "") if one.isdecimal() else (1, 0, one) for one in pieces]
