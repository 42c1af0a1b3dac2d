"""An Alembic folder as a line of revisions, read without a database and without env.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from davylamp.errors import BadInput
from davylamp.schema.revision import Revision
from davylamp.schema.revision_file import read_revision

VERSIONS = "versions"


def load_revisions(folder: Path) -> tuple[Revision, ...]:
    """The revisions of `<folder>/versions/*.py`, first to last.

    `BadInput`, naming the file and what to do, for a folder that isn't one, a file that does
    not import or declares something unknown, two heads, a cycle, a missing parent, two files
    with one id. Revisions are programs, and are run: only of people one trusts.
    """
    if not is_history(folder):
        raise BadInput(f"{folder} has no folder {VERSIONS}/: give an Alembic folder")
    files = sorted(folder.joinpath(VERSIONS).glob("*.py"))
    return in_order([read_revision(one) for one in files if one.name != "__init__.py"])


def is_history(folder: Path) -> bool:
    """Is this an Alembic folder? env.py isn't needed."""
    return (folder / VERSIONS).is_dir()


def in_order(revisions: Sequence[Revision]) -> tuple[Revision, ...]:
    """First to last along `down`. `BadInput` unless they form one line."""
    by_id = _by_id(revisions)
    after: dict[str | None, Revision] = {}
    for one in revisions:
        if one.down is not None and one.down not in by_id:
            raise BadInput(
                f"{one.file}: down_revision {one.down!r} is not there; add its file, or name "
                "the revision that comes before this one"
            )
        if one.down in after:
            raise _two_after(after[one.down], one)
        after[one.down] = one
    line = _walk(after)
    if len(line) < len(revisions):
        raise _cycle([one for one in revisions if one not in line])
    _check_depends_on(line)
    return tuple(line)


def _by_id(revisions: Sequence[Revision]) -> dict[str, Revision]:
    found: dict[str, Revision] = {}
    for one in revisions:
        if one.id in found:
            raise BadInput(
                f"{one.file}: revision {one.id!r} is also that of {found[one.id].file}; give "
                "one of them another id"
            )
        found[one.id] = one
    return found


def _walk(after: dict[str | None, Revision]) -> list[Revision]:
    line: list[Revision] = []
    at = after.get(None)
    while at is not None:
        line.append(at)
        at = after.get(at.id)
    return line


def _two_after(first: Revision, second: Revision) -> BadInput:
    where = f"after {first.down!r}" if first.down else "at the beginning"
    return BadInput(
        f"{second.file}: stands {where}, and so does {first.file}: the history has two heads; "
        "set down_revision of one of them so that they come one after the other"
    )


def _cycle(left: Sequence[Revision]) -> BadInput:
    names = ", ".join(str(one.file) for one in left)
    return BadInput(
        f"{left[0].file}: its down_revision leads round in a circle ({names}); set "
        "down_revision of the first to the revision before it, or None"
    )


def _check_depends_on(line: Sequence[Revision]) -> None:
    before: set[str] = set()
    for one in line:
        if missing := [name for name in one.depends_on if name not in before]:
            raise BadInput(
                f"{one.file}: depends_on {', '.join(missing)}, which does not come before it; "
                "name revisions that do"
            )
        before.add(one.id)
