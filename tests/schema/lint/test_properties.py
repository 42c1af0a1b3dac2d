"""Any text gives a verdict, never a crash; and what is dangerous stays so however it is dressed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.judge import judge
from davylamp.schema.lint.learn import learn
from davylamp.schema.lint.lint import lint_sql
from davylamp.schema.phases import Phase
from davylamp.schema.statements import split
from tests.schema.lint import table

_ALL = [
    sql
    for rows in (table.EXPAND, table.MIGRATE, table.CONTRACT, table.REFUSED)
    for row in rows.values()
    for sql in row
]
_DANGEROUS = [
    sql
    for rule, row in table.REFUSED.items()
    if rule not in ("mixed-phases", "unparsable")
    for sql in row
    if ";" not in sql
]
_WORDS = sorted({word for sql in _ALL for word in sql.replace("(", " ( ").split()})


@given(st.text(max_size=300))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert lint_sql(text).phase in Phase


@given(st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join))
@settings(max_examples=300)
def test_any_heap_of_sql_words_gets_a_verdict(text: str) -> None:
    assert lint_sql(text).phase in Phase


@given(st.sampled_from(_ALL), st.data())
@settings(max_examples=300)
def test_a_statement_with_a_piece_missing_or_doubled_gets_a_verdict(
    sql: str, data: st.DataObject
) -> None:
    words = sql.split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    piece = data.draw(st.sampled_from([[], words[at : at + 1] * 2, [data.draw(st.text())]]))
    text = " ".join([*words[:at], *piece, *words[at + 1 :]])
    assert lint_sql(text).phase in Phase


@given(st.sampled_from(_DANGEROUS), st.sampled_from(_ALL), st.sampled_from(_ALL))
@settings(max_examples=300)
def test_nothing_around_it_makes_a_refused_statement_pass(
    sql: str, before: str, after: str
) -> None:
    """But for a table that a statement before made, which is new."""
    if "CREATE" in before.upper():
        before = ""
    assert lint_sql(f"{before};\n{sql};\n/* ; */ {after}").phase is Phase.REFUSED


@given(st.sampled_from(_DANGEROUS), st.booleans())
def test_letter_case_and_comments_change_no_verdict(sql: str, upper: bool) -> None:
    if "'" in sql or '"' in sql or "$$" in sql:
        return
    dressed = (sql.upper() if upper else sql.lower()).replace(" ", " /* x */\n", 3)
    assert lint_sql(dressed).phase is Phase.REFUSED


@pytest.mark.parametrize("sql", _ALL)
def test_a_rule_only_reads_what_it_is_given(sql: str) -> None:
    """Judged twice, the same is said; learning twice is no crash."""
    context = Context()
    if any(one.rule == "unparsable" for one in lint_sql(sql).findings):
        return
    for statement in split(sql):
        assert judge(statement, context) == judge(statement, context)
        learn(statement.node, context)
        learn(statement.node, context)


@given(st.sampled_from(["ä b", 'q"uote', "Select", "é" * 31, "x" * 63, "1st", "a.b", "'"]))
def test_odd_names_stand_in_advice_as_they_are(name: str) -> None:
    written = '"' + name.replace('"', '""') + '"'
    for sql in (
        f"ALTER TABLE {written} ALTER {written} SET NOT NULL",
        f"ALTER TABLE s.{written} ADD {written} int DEFAULT random() UNIQUE CHECK ({written} > 0)",
        f"CREATE INDEX {written} ON {written} ({written})",
        f"ALTER TABLE {written} RENAME {written} TO b",
        f"DROP INDEX {written}",
        f"ALTER TABLE {written} ALTER {written} TYPE int",
        f"ALTER TYPE s.{written} RENAME VALUE 'it''s' TO '{name.replace(chr(39), chr(39) * 2)}'",
    ):
        found = lint_sql(sql)
        assert found.phase is Phase.REFUSED
        for finding in found.findings:
            split(finding.advice)
            assert name in finding.advice.replace('""', '"').replace("''", "'")
