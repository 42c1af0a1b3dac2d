"""Every row of the table, in several spellings, has its phase; advice is never refused itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.lint import lint_sql
from davylamp.schema.phases import Phase
from davylamp.schema.statements import split
from tests.schema.lint import table


def spellings(rows: dict[str, list[str]]) -> list[str]:
    return [sql for row in rows.values() for sql in row]


@pytest.mark.parametrize("sql", spellings(table.EXPAND))
def test_what_adds_beside_the_old_is_expand(sql: str) -> None:
    assert lint_sql(sql).phase is Phase.EXPAND, lint_sql(sql).findings


@pytest.mark.parametrize("sql", spellings(table.MIGRATE))
def test_what_brings_data_over_is_migrate(sql: str) -> None:
    assert lint_sql(sql).phase is Phase.MIGRATE, lint_sql(sql).findings


@pytest.mark.parametrize("sql", spellings(table.CONTRACT))
def test_what_takes_away_is_contract_and_says_what_it_needs(sql: str) -> None:
    found = lint_sql(sql)
    assert found.phase is Phase.CONTRACT, found.findings
    assert found.findings


@pytest.mark.parametrize("sql", table.NONE)
def test_what_changes_nothing_has_no_phase(sql: str) -> None:
    assert lint_sql(sql).phase is Phase.NONE
    assert not lint_sql(sql).findings


REFUSED = [(rule, sql) for rule, row in table.REFUSED.items() for sql in row]


@pytest.mark.parametrize(("rule", "sql"), REFUSED)
def test_what_hurts_live_builds_is_refused_with_advice(rule: str, sql: str) -> None:
    found = lint_sql(sql, "a.sql")
    assert found.phase is Phase.REFUSED
    refusals = [one for one in found.findings if one.phase is Phase.REFUSED]
    assert rule in {one.rule for one in refusals}
    assert all(one.message and one.advice and one.line and one.file for one in refusals)


@pytest.mark.parametrize(("rule", "sql"), REFUSED)
def test_the_advice_is_sql_that_is_not_refused_itself(rule: str, sql: str) -> None:
    """Statement after statement, each as a revision of its own, on what those before made known."""
    for finding in lint_sql(sql).findings:
        if finding.phase is not Phase.REFUSED:
            continue
        context = Context()
        for statement in split(finding.advice):
            verdict = lint_sql(statement.sql, context=context)
            refused = [one for one in verdict.findings if one.phase is Phase.REFUSED]
            known = {"add-column-domain", "attach-partition", "create-index"}
            assert not [one for one in refused if one.rule not in known], finding.advice


def test_a_statement_in_the_middle_is_found_at_its_line() -> None:
    sql = "ALTER TABLE a ADD b int;\n\n-- no\nTRUNCATE a;\nALTER TABLE a ADD c int;"
    (found,) = lint_sql(sql, "x.sql").findings
    assert (found.line, found.statement, found.file) == (4, "TRUNCATE a", "x.sql")


def test_advice_names_this_very_statement() -> None:
    sql = 'ALTER TABLE "My Shop"."Order ""s" ADD CONSTRAINT "c" CHECK ("Total é" > 0)'
    (found,) = lint_sql(sql).findings
    assert found.advice.splitlines() == [
        'ALTER TABLE "My Shop"."Order ""s" ADD CONSTRAINT c CHECK ("Total é" > 0) NOT VALID;',
        '-- in a later revision, phase = "migrate":',
        'ALTER TABLE "My Shop"."Order ""s" VALIDATE CONSTRAINT c;',
    ]


def test_the_guide_names_every_rule() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "schema-lint.md").read_text()
    guide = re.sub(r"`(add-column)([-\w]+)`, ((?:`-[-\w]+`(?:, )?)+)", _spelled_out, guide)
    for rule in table.REFUSED:
        named = f"`{rule}`" in guide or (rule.startswith("rename-") and "`rename-table`" in guide)
        assert named or rule in ("mixed-phases", "drop-schema"), rule


def _spelled_out(found: re.Match[str]) -> str:
    """`add-column-a`, `-b` → with the whole name for each."""
    return found[0].replace("`-", f"`{found[1]}-")
