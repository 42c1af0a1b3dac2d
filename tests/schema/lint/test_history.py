"""Revisions after one another, releases, and folders: what is known, declared, and together."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.errors import BadInput
from davylamp.schema.lint.finding import Finding
from davylamp.schema.lint.folder import lint_path
from davylamp.schema.lint.lint import lint_sql
from davylamp.schema.lint.release import check_release
from davylamp.schema.lint.revisions import lint_revisions
from davylamp.schema.phases import Phase
from davylamp.schema.revision import DualWrite, Revision

RENAME = DualWrite("orders", "state", "status")
ADD = "ALTER TABLE orders ADD COLUMN status text;"
DROP = "ALTER TABLE orders DROP COLUMN state;"


def revision(
    sql: str, phase: Phase = Phase.EXPAND, dual_write: DualWrite | None = None, name: str = "a"
) -> Revision:
    return Revision(name, None, phase, Path(f"{name}.py"), sql, "", dual_write=dual_write)


def refusals(found: tuple[Finding, ...]) -> set[str]:
    return {one.rule for one in found if one.phase is Phase.REFUSED}


def one(sql: str, phase: Phase = Phase.EXPAND, dual_write: DualWrite | None = None) -> set[str]:
    (found,) = lint_revisions([revision(sql, phase, dual_write)])
    assert (found.phase is Phase.REFUSED) == bool(refusals(found.findings))
    return refusals(found.findings)


def test_declared_and_derived_phase_agree() -> None:
    assert one(ADD) == set()
    assert one(DROP, Phase.CONTRACT) == set()
    assert one("", Phase.MIGRATE, RENAME) == set()
    assert one("ALTER TABLE orders VALIDATE CONSTRAINT c", Phase.MIGRATE, RENAME) == set()


@pytest.mark.parametrize(
    ("sql", "phase"), [(ADD, Phase.CONTRACT), (DROP, Phase.EXPAND), (DROP, Phase.MIGRATE)]
)
def test_where_they_differ_the_revision_is_refused(sql: str, phase: Phase) -> None:
    assert one(sql, phase) == {"phase-disagrees"}


def test_a_revision_must_declare_its_phase() -> None:
    assert one(ADD, Phase.NONE) == {"phase-undeclared"}
    assert one("", Phase.NONE) == {"phase-undeclared"}


def test_an_empty_revision_agrees_with_whatever_it_declares() -> None:
    assert one("", Phase.CONTRACT) == set()
    assert one("SELECT 1; COMMENT ON TABLE a IS 'x'", Phase.EXPAND) == set()


def test_a_dual_write_beside_what_it_writes_to_is_refused() -> None:
    assert "mixed-phases" in one(ADD, Phase.MIGRATE, RENAME)


def test_adding_dual_writing_and_dropping_in_one_revision_is_refused() -> None:
    assert "mixed-phases" in one(ADD + DROP, Phase.MIGRATE, RENAME)


def test_concurrently_has_a_revision_of_its_own() -> None:
    index = "CREATE INDEX CONCURRENTLY i ON orders (status);"
    assert one(index) == set()
    assert one(f"{index} COMMENT ON INDEX i IS 'x';") == set()
    assert one(ADD + index) == {"concurrently-not-alone"}
    assert lint_sql(ADD + index).phase is Phase.EXPAND  # a plain file is not carried out


def test_cascade_in_a_revision_is_refused() -> None:
    assert one("DROP TABLE orders CASCADE", Phase.CONTRACT) == {"drop-cascade-in-revision"}
    assert lint_sql("DROP TABLE orders CASCADE").phase is Phase.CONTRACT


def test_a_line_is_that_of_the_file() -> None:
    written = Revision(
        "a",
        None,
        Phase.EXPAND,
        Path("a.py"),
        "SELECT 1;\n\nTRUNCATE a;\n\n",
        "",
        lines=(7, 7, 9, 9),
    )
    (found,) = lint_revisions([written])
    assert [each.line for each in found.findings] == [9]


def test_what_an_earlier_revision_made_counts_for_later_ones() -> None:
    found = lint_revisions(
        [
            revision("CREATE TABLE orders (a int, v varchar(5), n numeric(5, 1))", name="a"),
            revision(
                "ALTER TABLE orders ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID", name="b"
            ),
            revision("ALTER TABLE orders VALIDATE CONSTRAINT c", Phase.MIGRATE, name="c"),
            revision("ALTER TABLE public.orders ALTER a SET NOT NULL", Phase.MIGRATE, name="d"),
            revision("ALTER TABLE orders ALTER v TYPE varchar(9), ALTER n TYPE numeric(9, 1)"),
            revision("CREATE INDEX i ON orders (a)", name="f"),
        ]
    )
    assert [one.phase.value for one in found] == [
        *("expand", "expand", "migrate", "migrate", "expand"),
        "refused",  # by then it may hold rows
    ]


PROVES = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL AND b > 0) NOT VALID"
UNPROVEN = {
    "never validated": [PROVES],
    "another one validated": [PROVES, "ALTER TABLE t VALIDATE CONSTRAINT d"],
    "of another table": [PROVES, "ALTER TABLE s.t VALIDATE CONSTRAINT c"],
    "of another column": [
        "ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
    ],
    "an OR": [
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL OR b > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
    ],
    "not for children": [
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NO INHERIT NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
    ],
    "dropped since": [
        PROVES,
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t DROP CONSTRAINT c",
    ],
    "perhaps dropped by a cascade": [
        PROVES,
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "DROP FUNCTION f CASCADE",
    ],
    "perhaps dropped at run time": [
        PROVES,
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "DO 'BEGIN END'",
    ],
    "the column made anew": [
        PROVES,
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t ADD COLUMN a int",
    ],
    "the table renamed": [
        PROVES,
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE u RENAME TO t",
    ],
    "made nullable since": [
        "CREATE TABLE t (a int NOT NULL)",
        "ALTER TABLE t ALTER a DROP NOT NULL",
    ],
}


@pytest.mark.parametrize("why", UNPROVEN)
def test_set_not_null_needs_a_proof_that_still_holds(why: str) -> None:
    before = [revision(sql, name=f"r{n}") for n, sql in enumerate(UNPROVEN[why])]
    last = revision("ALTER TABLE t ALTER a SET NOT NULL", Phase.MIGRATE, name="last")
    assert lint_revisions([*before, last])[-1].phase is Phase.REFUSED


@pytest.mark.parametrize(
    "before",
    [
        [PROVES, "ALTER TABLE t VALIDATE CONSTRAINT c"],
        [
            "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID",
            "ALTER TABLE t VALIDATE CONSTRAINT n",
        ],
        ["CREATE TABLE t (a int CHECK (a IS NOT NULL))"],
        ["CREATE TABLE t (a int PRIMARY KEY)"],
    ],
)
def test_set_not_null_after_a_proof_is_fine(before: list[str]) -> None:
    history = [revision(sql, name=f"r{n}") for n, sql in enumerate(before)]
    last = revision('ALTER TABLE ONLY "t" ALTER a SET NOT NULL', Phase.MIGRATE, name="last")
    assert lint_revisions([*history, last])[-1].phase is Phase.MIGRATE


NOT_ONLY_WIDER = {
    "if not exists": ["CREATE TABLE IF NOT EXISTS t (a varchar(5))"],
    "added if not exists": ["ALTER TABLE t ADD COLUMN IF NOT EXISTS a varchar(5)"],
    "longer already": ["CREATE TABLE t (a varchar(5))", "ALTER TABLE t ALTER a TYPE varchar(99)"],
    "checked": ["CREATE TABLE t (a varchar(5) CHECK (a <> ''))"],
    "checked since": [
        "CREATE TABLE t (a varchar(5))",
        "ALTER TABLE t ADD CHECK (length(a) > 1) NOT VALID",
    ],
    "in an index's expression": [
        "CREATE TABLE t (a varchar(5))",
        "CREATE INDEX CONCURRENTLY i ON t (lower(a))",
    ],
    "in an index beside an expression": [
        "CREATE TABLE t (a varchar(5), b text)",
        "CREATE INDEX CONCURRENTLY i ON t (a, lower(b))",
    ],
    "in an index's condition": [
        "CREATE TABLE t (a varchar(5), b text)",
        "CREATE INDEX CONCURRENTLY i ON t (b) WHERE a > 'x'",
    ],
    "collated": ['CREATE TABLE t (a varchar(5) COLLATE "C")'],
    "of another schema": ["CREATE TABLE s.t (a varchar(5))"],
    "an array": ["CREATE TABLE t (a varchar(5)[])"],
    "with partitions": [
        "CREATE TABLE t (a varchar(5), b int) PARTITION BY LIST (b)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)",
        "CREATE INDEX CONCURRENTLY i ON t1 (lower(a))",
    ],
    "a copy": ["CREATE TABLE t (LIKE u INCLUDING ALL, a varchar(5))"],
}


@pytest.mark.parametrize("why", NOT_ONLY_WIDER)
def test_a_type_is_not_widened_where_more_may_happen(why: str) -> None:
    history = [revision(sql, name=f"r{n}") for n, sql in enumerate(NOT_ONLY_WIDER[why])]
    last = revision("ALTER TABLE t ALTER a TYPE varchar(20)", name="last")
    assert lint_revisions([*history, last])[-1].phase is Phase.REFUSED


def test_a_domain_may_have_the_name_of_an_extensions_type() -> None:
    add = revision("ALTER TABLE t ADD COLUMN a citext", name="add")
    domain = revision("CREATE DOMAIN citext AS text CHECK (VALUE <> '')", name="domain")
    assert lint_revisions([add])[-1].phase is Phase.EXPAND
    assert lint_revisions([domain, add])[-1].phase is Phase.REFUSED


def test_a_partition_is_added_where_there_is_known_to_be_no_default() -> None:
    parent = revision("CREATE TABLE t (a int) PARTITION BY LIST (a)", name="r0")
    more = revision("CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)", name="r1")
    catch_all = revision("CREATE TABLE t9 PARTITION OF t DEFAULT", name="r2")
    assert lint_revisions([parent, more])[-1].phase is Phase.EXPAND
    assert lint_revisions([parent, catch_all, more])[-1].phase is Phase.REFUSED


def test_a_release_may_expand_and_migrate_but_not_drop_as_well() -> None:
    add = revision(ADD, name="add")
    move = revision("", Phase.MIGRATE, RENAME, name="move")
    drop = revision(DROP, Phase.CONTRACT, name="drop")
    assert check_release([add, move]) == check_release([drop]) == check_release([]) == ()
    for together in ([add, drop], [move, drop], [add, move, drop]):
        (found,) = check_release(together)
        assert (found.rule, found.phase, found.file) == (
            "drop-in-same-release",
            Phase.REFUSED,
            "drop.py",
        )


def test_what_a_release_does_counts_not_only_what_it_declares() -> None:
    hidden = revision(ADD + DROP, Phase.EXPAND, name="hidden")
    assert check_release([hidden])


def test_a_whole_history_with_its_drop_is_no_release() -> None:
    history = [
        revision(ADD, name="add"),
        revision("", Phase.MIGRATE, RENAME, name="move"),
        revision(DROP, Phase.CONTRACT, name="drop"),
    ]
    assert [one.phase for one in lint_revisions(history)] == [
        Phase.EXPAND,
        Phase.MIGRATE,
        Phase.CONTRACT,
    ]


def test_files_of_a_folder_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "10_widen.SQL").write_text("ALTER TABLE t ALTER a TYPE varchar(9)")
    (tmp_path / "9_make.sql").write_text("CREATE TABLE t (a varchar(5))")
    found = lint_path(tmp_path)
    assert [Path(one.file).name for one in found.files] == ["9_make.sql", "10_widen.SQL"]
    assert found.phase is Phase.EXPAND


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"SELECT '\xff'")
    assert lint_path(tmp_path / "a.sql").phase is Phase.REFUSED


def test_a_byte_order_mark_is_no_statement(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"\xef\xbb\xbfSELECT 1")
    assert lint_path(tmp_path / "a.sql").phase is Phase.NONE


def test_where_there_is_nothing_to_lint_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "a.py"):
        with pytest.raises(BadInput, match=r"give|nothing to lint"):
            lint_path(path)
