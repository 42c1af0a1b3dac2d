"""Take some roles' rights on one column, and give them back exactly as they were.

PostgreSQL has no way to say "the table, but for this column": a grant on the table becomes grants
on each of the other columns. What there was is kept in the control table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from davylamp.errors import BadInput, Refused
from davylamp.schema.database import Db, plain_sql
from davylamp.schema.names import quoted

RIGHTS = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
"""Those that a column can have of its own."""
_GRANTS = """
WITH t AS (SELECT c.oid, c.relowner, c.relacl FROM pg_class c WHERE c.oid = to_regclass(%(table)s)),
held AS (
    SELECT '' AS column_name, x.*, t.relowner FROM t, aclexplode(t.relacl) x
    UNION ALL
    SELECT a.attname, x.*, t.relowner FROM t JOIN pg_attribute a ON a.attrelid = t.oid,
           aclexplode(a.attacl) x WHERE NOT a.attisdropped
)
SELECT coalesce(g.rolname, ''), h.privilege_type, h.is_grantable, h.column_name,
       h.grantor = h.relowner
FROM held h LEFT JOIN pg_roles g ON g.oid = h.grantee
WHERE h.grantee <> h.relowner AND h.privilege_type = ANY (%(rights)s)
  AND (h.grantee = 0 OR EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = ANY (%(roles)s)
                                AND pg_has_role(r.oid, h.grantee, 'MEMBER')))
ORDER BY 1, 2, 4
"""
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_STILL = """
SELECT r.rolname, r.rolsuper, pg_has_role(r.oid, c.relowner, 'MEMBER')
FROM pg_roles r JOIN pg_class c ON c.oid = to_regclass(%s)
WHERE r.rolname = ANY (%s) AND has_column_privilege(r.oid, c.oid, %s, 'SELECT,INSERT,UPDATE')
"""


@dataclass(frozen=True)
class Held:
    """The column whose rights are taken. Names as in PostgreSQL's catalog."""

    schema: str
    table: str
    column: str

    @property
    def relation(self) -> str:
        return quoted(self.schema, self.table)

    @property
    def id(self) -> str:
        return quoted(self.schema, self.table, self.column)


@dataclass(frozen=True)
class Grant:
    """One right of one role."""

    role: str
    """Empty: PUBLIC."""
    right: str
    with_grant_option: bool
    column: str
    """Empty: on the whole table."""


def take_rights(db: Db, held: Held, roles: Sequence[str]) -> tuple[Grant, ...]:
    """Take them within the caller's transaction; returns what `give_rights` needs.

    A right that a role has through PUBLIC or a group is taken from PUBLIC or the group. Raises
    `Refused` when one of `roles` could still use the column (a superuser, the table's owner).
    """
    _check_roles(db, roles)
    saved = _grants(db, held, roles)
    others = [name for name in _columns(db, held) if name != held.column]
    for grant in saved:
        if not grant.column:
            _revoke(db, held, grant, ())
    for grant in saved:
        if not grant.column:
            _grant(db, held, grant, others)
        elif grant.column != held.column and _is_on_table(saved, grant):
            _grant(db, held, grant, (grant.column,))
        elif grant.column == held.column:
            _revoke(db, held, grant, (held.column,))
    _check_taken(db, held, roles)
    return saved


def give_rights(db: Db, held: Held, saved: Sequence[Grant]) -> None:
    """Give them back within the caller's transaction."""
    columns = _columns(db, held)
    for grant in saved:
        if not grant.column:
            _revoke(db, held, grant, ())  # with it go the grants on single columns
            _grant(db, held, grant, ())
    for grant in saved:
        if grant.column in columns and (grant.column == held.column or _is_on_table(saved, grant)):
            _grant(db, held, grant, (grant.column,))


def extend_rights(db: Db, held: Held, saved: Sequence[Grant]) -> None:
    """Grant a column that was added since as the whole table was."""
    others = [name for name in _columns(db, held) if name != held.column]
    for grant in saved:
        if not grant.column:
            _grant(db, held, grant, others)


def _is_on_table(saved: Sequence[Grant], grant: Grant) -> bool:
    return any((g.role, g.right, g.column) == (grant.role, grant.right, "") for g in saved)


def _grants(db: Db, held: Held, roles: Sequence[str]) -> tuple[Grant, ...]:
    given = {"table": held.relation, "rights": list(RIGHTS), "roles": list(roles)}
    rows = db.execute(_GRANTS, given).fetchall()
    for role, right, _, column, by_owner in rows:
        if not by_owner and column in ("", held.column):
            raise Refused(
                f"{held.id}: {right} was given to {role or 'PUBLIC'} by somebody else than the "
                "table's owner; have the owner give it, so that it can be given back exactly"
            )
    return tuple(Grant(*row[:4]) for row in rows)


def _columns(db: Db, held: Held) -> list[str]:
    found = [str(row[0]) for row in db.execute(_COLUMNS, [held.relation])]
    if not found:
        raise BadInput(f"{held.id}: there is no such table")
    return found


def _check_roles(db: Db, roles: Sequence[str]) -> None:
    found = {row[0] for row in db.execute("SELECT rolname FROM pg_roles")}
    missing = sorted(set(roles) - found)
    if missing or not roles:
        raise BadInput(
            f"the database has no role {', '.join(missing) or '(none was named)'}; list the "
            "application's roles under `databases` in the service's catalog entry"
        )


def _check_taken(db: Db, held: Held, roles: Sequence[str]) -> None:
    for role, is_super, owns in db.execute(_STILL, [held.relation, list(roles), held.column]):
        why = (
            "is a superuser"
            if is_super
            else "owns the table"
            if owns
            else ("has a right that isn't the table's (pg_read_all_data, for example)")
        )
        raise Refused(
            f"{held.id}: role {role} {why}, so that nothing can be taken from it: a quarantine "
            "would prove nothing; let the application connect as a role with plain grants"
        )


def _grant(db: Db, held: Held, grant: Grant, columns: Sequence[str]) -> None:
    option = " WITH GRANT OPTION" if grant.with_grant_option else ""
    db.execute(
        sql.SQL("GRANT {} ON TABLE {} TO {}{}").format(
            _right(grant, columns), _table(held), _role(grant), plain_sql(option)
        )
    )


def _revoke(db: Db, held: Held, grant: Grant, columns: Sequence[str]) -> None:
    db.execute(
        sql.SQL("REVOKE {} ON TABLE {} FROM {}").format(
            _right(grant, columns), _table(held), _role(grant)
        )
    )


def _right(grant: Grant, columns: Sequence[str]) -> sql.Composable:
    if not columns:
        return plain_sql(grant.right)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("{} ({})").format(plain_sql(grant.right), names)


def _table(held: Held) -> sql.Identifier:
    return sql.Identifier(held.schema, held.table)


def _role(grant: Grant) -> sql.Composable:
    return sql.Identifier(grant.role) if grant.role else sql.SQL("PUBLIC")
