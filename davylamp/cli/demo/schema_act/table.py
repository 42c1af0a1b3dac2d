"""The orders' table, looked at from outside of every build."""

from __future__ import annotations

from psycopg import sql

from davylamp.cli.demo.schema_act.builds import NEW, OLD, TABLE
from davylamp.schema.database import TargetDatabase

_AT_ONCE = 50_000
_FILL = """
INSERT INTO orders (cart, state, total_cents)
SELECT n %% 4000 + 1, (ARRAY['placed', 'paid', 'sent'])[n %% 3 + 1], n * 37 %% 9000
FROM generate_series(%s::bigint, %s::bigint) n
"""


def fill_orders(database: TargetDatabase, rows: int) -> None:
    """Write `rows` orders as 1.0.0 would have, some at once."""
    with database.connect("demonstration") as db:
        for begin in range(1, rows + 1, _AT_ONCE):
            end = min(rows, begin + _AT_ONCE - 1)
            db.execute(_FILL, [begin, end])


def count_differing(database: TargetDatabase) -> int:
    """Orders whose two columns differ."""
    form = sql.SQL("SELECT count(*) FROM {} WHERE {} IS DISTINCT FROM {}")
    names = (sql.Identifier(TABLE), sql.Identifier(OLD), sql.Identifier(NEW))
    with database.connect("demonstration") as db:
        found = db.execute(form.format(*names)).fetchone()
    return int(found[0]) if found else 0


def columns_of_orders(database: TargetDatabase) -> tuple[str, ...]:
    query = (
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_name = %s ORDER BY ordinal_position"
    )
    with database.connect("demonstration") as db:
        return tuple(str(row[0]) for row in db.execute(query, [TABLE]))
