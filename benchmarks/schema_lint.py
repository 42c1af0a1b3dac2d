"""What linting costs: an Alembic history of 1,000 revisions through the command line, squawk and
all; and its parts, a revision each.

The history is like a service's own: tables, columns, indexes, constraints, backfills and drops,
each revision in a phase of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.plane import say
from benchmarks.report import Figure, Report
from davylamp.errors import Unreachable
from davylamp.schema.lint.document import with_squawk
from davylamp.schema.lint.folder import lint_history
from davylamp.schema.revisions import load_revisions

REVISIONS = 1_000
HISTORY_AIM_SECONDS = 15.0
REVISION_AIM_MS = 25.0

_EXPAND = (
    'op.create_table("t{n}", sa.Column("id", sa.BigInteger, primary_key=True), '
    'sa.Column("a", sa.String(20), nullable=False), sa.Column("at", sa.TIMESTAMP(timezone=True)))',
    'op.add_column("t0", sa.Column("c{n}", sa.Text, server_default="x", nullable=False))',
    "op.execute(\"ALTER TABLE t0 ADD CONSTRAINT k{n} CHECK (a <> '') NOT VALID\")",
    "with op.get_context().autocommit_block():\n"
    '        op.create_index("i{n}", "t0", ["a"], postgresql_concurrently=True)',
    'op.execute("CREATE VIEW v{n} AS SELECT id, a FROM t0 WHERE a IS NOT NULL")',
)
_CONTRACT = 'op.drop_column("t0", "old{n}")'
_FILE = """import sqlalchemy as sa
from alembic import op

revision = "r{n}"
down_revision = {down!r}
phase = "{phase}"


def upgrade() -> None:
    {body}
"""


def run(quick: bool) -> Report:
    revisions = 100 if quick else REVISIONS
    with tempfile.TemporaryDirectory() as folder:
        say(f"a history of {revisions} revisions")
        _write(Path(folder), revisions)
        figures = [*_whole(Path(folder), revisions), *_parts(Path(folder), revisions)]
    return Report(
        "Linting a schema's history",
        tuple(figures),
        f"{revisions} revisions of one or two statements; the command with --json, imports too",
    )


def _whole(folder: Path, revisions: int) -> list[Figure]:
    argv = [sys.executable, "-m", "davylamp.cli.main", "schema", "lint", str(folder), "--json"]
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, timeout=120, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise Unreachable(f"the lint ended with {done.returncode}: {done.stdout[-500:]!r}")
    assert len(json.loads(done.stdout)["files"]) == revisions
    aim = HISTORY_AIM_SECONDS * revisions / REVISIONS
    return [
        Figure(f"`davylamp schema lint`, {revisions} revisions", seconds, "s", max(aim, 2.0)),
        Figure("the same, a revision", seconds / revisions * 1000, "ms", REVISION_AIM_MS),
    ]


def _parts(folder: Path, revisions: int) -> list[Figure]:
    history = load_revisions(folder)
    found = lint_history(history)
    parts: dict[str, Callable[[], object]] = {
        "reading and rendering a revision": lambda: load_revisions(folder),
        "judging a revision": lambda: lint_history(history),
        "squawk on a revision": lambda: with_squawk(found),
    }
    return [Figure(what, _ms(part) / revisions, "ms") for what, part in parts.items()]


def _ms(part: Callable[[], object]) -> float:
    start = time.perf_counter()
    part()
    return (time.perf_counter() - start) * 1000


def _write(folder: Path, revisions: int) -> None:
    (folder / "versions").mkdir()
    for n in range(revisions):
        drops = n % 10 == 9
        body = _CONTRACT if drops else _EXPAND[n % len(_EXPAND)]
        text = _FILE.format(
            n=n,
            down=f"r{n - 1}" if n else None,
            phase="contract" if drops else "expand",
            body=body.replace("{n}", str(n)),
        )
        (folder / "versions" / f"{n:04}.py").write_text(text)
