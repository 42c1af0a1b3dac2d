"""A text's phase, and a line of revisions'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.finding import FileVerdict, Finding
from davylamp.schema.lint.judge import judge
from davylamp.schema.lint.learn import learn
from davylamp.schema.lint.verdict import Verdict
from davylamp.schema.phases import Phase, furthest
from davylamp.schema.statements import Statement, Unparsable, split

Place = Callable[[int], int]
"""From a line of the SQL to a line of the file."""


@dataclass(frozen=True)
class Judged:
    """A statement with all that was said of it."""

    statement: Statement
    line: int
    """In the file."""
    verdicts: tuple[Verdict, ...]

    @property
    def phases(self) -> frozenset[Phase]:
        return frozenset(one.phase for one in self.verdicts) - {Phase.NONE}


def lint_sql(sql: str, file: str = "", context: Context | None = None) -> FileVerdict:
    """One file of SQL. `context` is what files before it made known; it is added to."""
    judged, broken = judge_text(sql, file, context or Context())
    return verdict_on(file, judged, broken)


def judge_text(
    sql: str, file: str, context: Context, place: Place = lambda line: line
) -> tuple[tuple[Judged, ...], tuple[Finding, ...]]:
    """Statements with their verdicts; or, for a text that can't be read, a finding."""
    context.begin_revision()
    try:
        statements = split(sql)
    except Unparsable as error:
        context.forget()
        return (), (_unparsable(file, error, place),)
    return tuple(_judged(one, context, place) for one in statements), ()


def verdict_on(
    file: str,
    judged: Sequence[Judged],
    more: Iterable[Finding] = (),
    beside: frozenset[Phase] = frozenset(),
) -> FileVerdict:
    """The phase of a whole file. `beside` are phases of what isn't SQL in it."""
    findings = [_finding(file, one, said_of) for one in judged for said_of in one.verdicts]
    found = [one for one in findings if one.message] + list(more)
    phases = beside.union(*(one.phases for one in judged))
    if Phase.REFUSED not in phases and len(phases) > 1:
        found.append(_mixed(file, judged, phases))
    return FileVerdict(file, furthest([*phases, *(one.phase for one in found)]), tuple(found))


def _judged(statement: Statement, context: Context, place: Place) -> Judged:
    verdicts = judge(statement, context)
    learn(statement.node, context)
    return Judged(statement, place(statement.line), verdicts)


def _finding(file: str, judged: Judged, verdict: Verdict) -> Finding:
    return Finding(
        rule=verdict.rule,
        phase=verdict.phase,
        file=file,
        line=judged.line,
        statement=judged.statement.sql,
        message=verdict.message,
        advice=verdict.advice,
    )


def _mixed(file: str, judged: Sequence[Judged], phases: frozenset[Phase]) -> Finding:
    first = next((one for one in judged if one.phases), None)
    other = next((one for one in judged if first and one.phases - first.phases), first)
    said_where = "; ".join(_where(judged, phase) for phase in Phase if phase in phases)
    adds_and_drops = Phase.CONTRACT in phases
    return Finding(
        rule="mixed-phases",
        phase=Phase.REFUSED,
        file=file,
        line=other.line if other else 0,
        statement=other.statement.sql if other else "",
        message=f"it holds statements of different phases ({said_where}): no moment is right for "
        "all of them" + (", and a drop needs a later release" if adds_and_drops else ""),
        advice=said("write one revision for each phase, the drop in a later release"),
    )


def _where(judged: Sequence[Judged], phase: Phase) -> str:
    lines = ", ".join(str(line) for line in _lines(judged, phase)) or "its dual_write"
    return f"{phase}: {'line ' if lines[0].isdigit() else ''}{lines}"


def _lines(judged: Sequence[Judged], phase: Phase) -> Iterator[int]:
    seen: set[int] = set()
    for one in judged:
        if phase in one.phases and one.line not in seen:
            seen.add(one.line)
            yield one.line


def _unparsable(file: str, error: Unparsable, place: Place) -> Finding:
    return Finding(
        rule="unparsable",
        phase=Phase.REFUSED,
        file=file,
        line=place(error.line),
        statement=error.near,
        message=f"PostgreSQL's parser can't read it: {error.reason}",
        advice=said("correct it; a psql command (\\…) or COPY … FROM stdin is no SQL"),
    )
