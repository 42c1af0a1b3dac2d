"""Can these two columns be kept equal? Everything that would lose a write is refused here."""

from __future__ import annotations

import psycopg
from pglast.ast import A_Const, FuncCall, ResTarget, SelectStmt, SQLValueFunction, TypeCast
from pglast.parser import parse_sql
from pglast.visitors import Visitor
from psycopg import sql

from davylamp.errors import BadInput, Refused
from davylamp.schema.database import Db, first_line, plain_sql
from davylamp.schema.dual_names import filled, id_of, sides, table_of
from davylamp.schema.names import quoted, words
from davylamp.schema.revision import DualWrite

_KEY_TYPES = ("smallint", "integer", "bigint", "uuid", "text", "character varying")
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull, a.attgenerated <> '',
       pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
_VOLATILE = """
SELECT DISTINCT p.proname FROM unnest(%s::text[], %s::text[]) AS called(name, schema_name)
JOIN pg_catalog.pg_proc p ON p.proname = called.name
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.provolatile = 'v' AND CASE called.schema_name WHEN '' THEN pg_function_is_visible(p.oid)
      ELSE n.nspname = called.schema_name END
"""
_UNIQUE = """
SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a
  ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass(%s) AND a.attname = %s AND i.indisunique AND i.indisvalid
  AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indexprs IS NULL
"""


def check_dual_write(db: Db, dual_write: DualWrite) -> str | None:
    """Raises `BadInput` or `Refused` with what is wrong and what to do.

    The new column's default, if it has one: a value that says nothing of who wrote the row.
    """
    where = id_of(dual_write)
    relation = quoted(dual_write.schema, dual_write.table)
    columns = {row[0]: row[1:] for row in db.execute(_COLUMNS, [relation])}
    if not columns:
        raise BadInput(f"{where}: there is no table {relation}; run its expand revision first")
    for name in (dual_write.key, dual_write.old, dual_write.new):
        if name not in columns:
            raise BadInput(
                f"{where}: table {relation} has no column {quoted(name)}; run its expand "
                "revision first, or correct `dual_write` in the migrate revision"
            )
    _check_key(db, dual_write, relation, columns[dual_write.key])
    for name in (dual_write.old, dual_write.new):
        if columns[name][2]:
            raise Refused(f"{where}: column {quoted(name)} is generated: nobody can write it")
    _check_expressions(db, dual_write)
    _check_same_each_time(db, dual_write)
    default = columns[dual_write.new][3]
    _check_defaults(db, dual_write, columns[dual_write.old][3], default)
    return default


def _check_key(db: Db, dual_write: DualWrite, relation: str, column: tuple[object, ...]) -> None:
    kind, not_null = column[0], column[1]
    if kind not in _KEY_TYPES:
        raise Refused(
            f"{id_of(dual_write)}: the backfill can't walk by {quoted(dual_write.key)}, which is "
            f"{kind}; name a key of {', '.join(_KEY_TYPES)} in `dual_write`"
        )
    if not not_null or db.execute(_UNIQUE, [relation, dual_write.key]).fetchone() is None:
        raise Refused(
            f"{id_of(dual_write)}: {quoted(dual_write.key)} has to be NOT NULL with a unique "
            "index of its own, or rows would be skipped; name another key in `dual_write`"
        )


def _check_expressions(db: Db, dual_write: DualWrite) -> None:
    row = sides(db, dual_write, "t")
    query = sql.SQL("EXPLAIN UPDATE {} t SET {} = {}, {} = {} WHERE {}").format(
        table_of(dual_write),
        sql.Identifier(dual_write.new),
        row.forward,
        sql.Identifier(dual_write.old),
        row.backward,
        row.contradict,
    )
    try:
        db.execute(query)
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise BadInput(
            f"{id_of(dual_write)}: its expressions don't work: {first_line(error)}; correct "
            "`forward` and `backward` in the revision's `dual_write` (functions and types of "
            "another schema than the table's have to be written with theirs)"
        ) from error


def _check_same_each_time(db: Db, dual_write: DualWrite) -> None:
    """What differs from one evaluation to the next makes two sides that never agree."""
    row = sides(db, dual_write, "t")
    both = sql.SQL("{}, {}").format(row.forward, row.backward).as_string(db)
    called = functions_called(both)
    found = db.execute(_VOLATILE, [[c[-1] for c in called], ["".join(c[-2:-1]) for c in called]])
    for (name,) in found:
        raise Refused(
            f"{id_of(dual_write)}: function {name} is volatile, and would give another "
            "value each time; declare it IMMUTABLE or STABLE if it isn't, or do without it"
        )


def _check_defaults(db: Db, dual_write: DualWrite, old: str | None, new: str | None) -> None:
    """A new column with a default looks as if the writer had given it. That is fine while both
    columns' defaults say the same."""
    if new is None:
        return
    advice = (
        f"drop it (ALTER TABLE … ALTER COLUMN {quoted(dual_write.new)} DROP DEFAULT): "
        "the dual write fills the column"
    )
    if not _is_simple(new) or (old is not None and not _is_simple(old)):
        raise Refused(f"{id_of(dual_write)}: the new column's default {new} is not plain; {advice}")
    if old is None:
        return
    row = sides(db, dual_write, "t")
    query = sql.SQL("SELECT ({})::{} IS NOT DISTINCT FROM ({})::{} FROM (SELECT {} AS {}) t")
    forward = filled(dual_write.forward, row)
    same = db.execute(
        query.format(
            plain_sql(new),
            row.new_type,
            forward,
            row.new_type,
            plain_sql(old),
            sql.Identifier(dual_write.old),
        )
    ).fetchone()
    if not same or not same[0]:
        raise Refused(
            f"{id_of(dual_write)}: the columns' defaults contradict each other ({old}, {new}): "
            f"a row written with neither could mean both; {advice}"
        )


def functions_called(expression: str) -> tuple[tuple[str, ...], ...]:
    """Their names, with schema where one is written."""
    found: list[tuple[str, ...]] = []

    class Calls(Visitor):
        def visit_FuncCall(self, _: object, node: FuncCall) -> None:
            found.append(words(node.funcname or ()))

    Calls()(parse_sql(f"SELECT {expression}"))
    return tuple(found)


def _is_simple(expression: str) -> bool:
    """A constant, or the transaction's time: the same however often it is asked."""
    statement = parse_sql(f"SELECT {expression}")[0].stmt
    if not isinstance(statement, SelectStmt) or not statement.targetList:
        return False
    target = statement.targetList[0]
    node = target.val if isinstance(target, ResTarget) else None
    while isinstance(node, TypeCast):
        node = node.arg
    if isinstance(node, FuncCall):
        return words(node.funcname or ())[-1:] == ("now",)
    return isinstance(node, A_Const | SQLValueFunction)
