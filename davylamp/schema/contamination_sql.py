"""The SQL of a contamination probe: which rows a shape can't read, and which rows count. Pure.

A sample shows what a reader trips over and nothing more: of a JSON document its keys and types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from davylamp.builds.domains import JsonType, Shape
from davylamp.schema.facts import Column

_SHOWN = 80
"""Characters of a value in a sample."""


@dataclass(frozen=True)
class Question:
    """One thing a reader can't do without, asked of one column."""

    column: Column
    wrong: sql.Composable
    """True of a row it can't read."""
    shown: sql.Composable
    why: str
    needs: str = ""
    """What the column must be for the question to make sense: `number` or `json`."""


@dataclass(frozen=True)
class Window:
    """Which rows count."""

    condition: sql.Composable
    words: str = ""


EVERY_ROW = Window(sql.SQL("true"))


def questions_of(column: Column, shape: Shape) -> Iterator[Question]:
    """Everything a reader's shape rules out, each as a question of its own."""
    name = sql.Identifier(column.name)
    text = sql.SQL("left({}::text, {})").format(name, sql.Literal(_SHOWN))
    if shape.values is not None:
        form = sql.SQL("({0} IS NOT NULL AND {0}::text <> ALL ({1}::text[]))")
        known = ", ".join(map(repr, shape.values)) or "nothing"
        wrong = form.format(name, sql.Literal(list(shape.values)))
        yield Question(column, wrong, text, f"hold none of {known}")
    if shape.nullable is False:
        wrong = sql.SQL("({} IS NULL)").format(name)
        yield Question(column, wrong, sql.SQL("'NULL'"), "are NULL")
    if shape.is_range:
        yield Question(column, _outside(name, shape), text, _range_in_words(shape), "number")
    if shape.is_json:
        yield Question(
            column, _misshapen(name, shape), _keys_shown(name), _json_in_words(shape), "json"
        )


def _outside(name: sql.Identifier, shape: Shape) -> sql.Composed:
    sides: list[sql.Composable] = []
    if shape.minimum is not None:
        sides.append(sql.SQL("{} < {}").format(name, _number(shape.minimum)))
    if shape.maximum is not None:
        sides.append(sql.SQL("{} > {}").format(name, _number(shape.maximum)))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(sides))


def _number(bound: float) -> sql.Literal:
    """As it was written, not as a computer rounds it."""
    return sql.Literal(Decimal(str(bound)))


def _misshapen(name: sql.Identifier, shape: Shape) -> sql.Composed:
    document = sql.SQL("{}::jsonb").format(name)
    ways: list[sql.Composable] = []
    if shape.json_keys is not None:
        known = sql.Literal(list(shape.json_keys))
        ways.append(sql.SQL("({} - {}::text[]) <> '{{}}'::jsonb").format(document, known))
    if shape.required_keys:
        keys = sql.Literal(list(shape.required_keys))
        ways.append(sql.SQL("NOT jsonb_exists_all({}, {}::text[])").format(document, keys))
    ways += [_mistyped(document, key, types) for key, types in shape.types.items()]
    form = sql.SQL(
        "CASE WHEN {0} IS NULL THEN false WHEN jsonb_typeof({1}) <> 'object' THEN true "
        "ELSE ({2}) END"
    )
    return form.format(name, document, sql.SQL(" OR ").join(ways))


def _mistyped(document: sql.Composable, key: str, types: Sequence[JsonType]) -> sql.Composed:
    plain = [str(one) for one in types if one is not JsonType.INTEGER]
    value = sql.SQL("{} -> {}").format(document, sql.Literal(key))
    form = "jsonb_exists({0}, {1}) AND jsonb_typeof({2}) <> ALL ({3}::text[])"
    if JsonType.INTEGER in types:
        form += " AND NOT CASE WHEN jsonb_typeof({2}) = 'number' THEN ({2})::numeric % 1 = 0 "
        form += "ELSE false END"
    filled = sql.SQL(form).format(document, sql.Literal(key), value, sql.Literal(plain))
    return sql.SQL("({})").format(filled)


def _keys_shown(name: sql.Identifier) -> sql.Composed:
    form = sql.SQL(
        "CASE WHEN jsonb_typeof({0}::jsonb) = 'object' THEN left((SELECT string_agg("
        "k || ': ' || jsonb_typeof(v), ', ' ORDER BY k) FROM jsonb_each({0}::jsonb) AS e(k, v)"
        "), {1}) ELSE jsonb_typeof({0}::jsonb) END"
    )
    return form.format(name, sql.Literal(2 * _SHOWN))


def _range_in_words(shape: Shape) -> str:
    if shape.minimum is None:
        return f"are above {shape.maximum}"
    if shape.maximum is None:
        return f"are below {shape.minimum}"
    return f"are outside of {shape.minimum} to {shape.maximum}"


def _json_in_words(shape: Shape) -> str:
    parts = [f"needed are {', '.join(shape.required_keys)}"] if shape.required_keys else []
    if shape.json_keys is not None:
        parts.insert(0, f"known keys are {', '.join(shape.json_keys) or 'none'}")
    parts += [f"{key} is {' or '.join(types)}" for key, types in shape.types.items()]
    return f"hold another shape of JSON than it can read ({'; '.join(parts)})"


def changed_since(column: str, at: object) -> Window:
    """By the application's own column. Rows that say nothing count."""
    form = sql.SQL("({0} >= {1}::timestamptz OR {0} IS NULL)")
    words = f" with {column} from {at} on"
    return Window(form.format(sql.Identifier(column), sql.Literal(str(at))), words)


def written_since(transaction: int) -> Window:
    """By the row's own transaction, whoever wrote it. Exact up to 2^31 transactions back."""
    mark = sql.Literal(str(transaction % 2**32))
    condition = sql.SQL("age(xmin) <= age({}::xid)").format(mark)
    return Window(condition, f" written from transaction {transaction} on")


def count_query(
    table: sql.Composable, asked: Sequence[Question], window: Window, rows: int
) -> sql.Composed:
    """One row: how many rows were looked at, then for each question how many are wrong."""
    counts = [sql.SQL("count(*) FILTER (WHERE {})").format(q.wrong) for q in asked]
    return sql.SQL("SELECT count(*), {} FROM ({}) s").format(
        sql.SQL(", ").join(counts), _rows(table, {q.column.name for q in asked}, window, rows)
    )


def sample_query(
    table: sql.Composable,
    question: Question,
    key: Sequence[str],
    window: Window,
    rows: int,
    samples: int,
) -> sql.Composed:
    """A few wrong rows: the primary key's columns as text, then what is shown."""
    columns = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in key]
    return sql.SQL("SELECT {} FROM ({}) s WHERE {} LIMIT {}").format(
        sql.SQL(", ").join([*columns, question.shown]),
        _rows(table, {question.column.name, *key}, window, rows),
        question.wrong,
        sql.Literal(samples),
    )


def _rows(table: sql.Composable, columns: set[str], window: Window, rows: int) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {} WHERE {} LIMIT {}").format(
        sql.SQL(", ").join(map(sql.Identifier, sorted(columns))),
        table,
        window.condition,
        sql.Literal(rows),
    )
