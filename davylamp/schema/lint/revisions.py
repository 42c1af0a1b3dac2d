"""Revisions of an Alembic history: what they declare, and what the engine needs of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.finding import FileVerdict, Finding
from davylamp.schema.lint.lint import Judged, judge_text, verdict_on
from davylamp.schema.phases import Phase
from davylamp.schema.revision import Revision
from davylamp.schema.statement_kinds import is_concurrent


def lint_revisions(revisions: Sequence[Revision]) -> tuple[FileVerdict, ...]:
    """Each revision's phase, in order. They are a history: first to last, none left out, since
    what earlier ones made known (a column's type, a valid CHECK) counts for later ones."""
    context = Context()
    return tuple(_lint_revision(one, context) for one in revisions)


def _lint_revision(revision: Revision, context: Context) -> FileVerdict:
    file = str(revision.file)
    judged, broken = judge_text(revision.sql, file, context, lambda line: _line(revision, line))
    beside = frozenset({Phase.MIGRATE} if revision.dual_write else set[Phase]())
    of_itself = [*broken, *_cascades(file, judged), *_shared(file, judged)]
    verdict = verdict_on(file, judged, of_itself, beside)
    declared = tuple(_declaration(revision, verdict))
    if not declared:
        return verdict
    return FileVerdict(file, Phase.REFUSED, (*verdict.findings, *declared))


def _declaration(revision: Revision, verdict: FileVerdict) -> Iterator[Finding]:
    if revision.phase is Phase.NONE:
        fitting = verdict.phase if verdict.phase in _DECLARABLE else Phase.EXPAND
        yield _about(
            verdict.file,
            "phase-undeclared",
            "it declares no phase: whoever wrote it has to say when it may run",
            f'# beside revision and down_revision:\n# phase = "{fitting}"',
        )
    elif verdict.phase not in (revision.phase, Phase.NONE, Phase.REFUSED):
        yield _about(
            verdict.file,
            "phase-disagrees",
            f"it declares {revision.phase}, and its statements are {verdict.phase}",
            f'# phase = "{verdict.phase}", or other statements',
        )


_DECLARABLE = (Phase.EXPAND, Phase.MIGRATE, Phase.CONTRACT)


def _cascades(file: str, judged: Sequence[Judged]) -> Iterator[Finding]:
    """The gate needs to know what goes: of a revision, which is carried out, CASCADE is too much.
    In a plain file, which is only read, it is reported."""
    for one in judged:
        if any(verdict.rule == "drop-cascade" for verdict in one.verdicts):
            yield Finding(
                rule="drop-cascade-in-revision",
                phase=Phase.REFUSED,
                file=file,
                line=one.line,
                statement=one.statement.sql,
                message="CASCADE takes away what isn't named, so no proof can be had that no live "
                "build needs it",
                advice=said("name what depends on it in drops of their own, without CASCADE"),
            )


def _shared(file: str, judged: Sequence[Judged]) -> Iterator[Finding]:
    """A statement that runs outside of a transaction and breaks off leaves half a revision."""
    acting = [one for one in judged if one.phases]
    alone = next((one for one in acting if is_concurrent(one.statement)), None)
    if alone is not None and len(acting) > 1:
        yield Finding(
            rule="concurrently-not-alone",
            phase=Phase.REFUSED,
            file=file,
            line=alone.line,
            statement=alone.statement.sql,
            message="CONCURRENTLY runs outside of a transaction: where it breaks off, the "
            "revision is half done, and can't simply be run again",
            advice=said("give it a revision of its own, in an autocommit_block"),
        )


def _about(file: str, rule: str, message: str, advice: str) -> Finding:
    return Finding(rule, Phase.REFUSED, file, 0, "", message, advice)


def _line(revision: Revision, line: int) -> int:
    return revision.lines[line - 1] if 0 < line <= len(revision.lines) else line
