"""Column types: which there are, and which change of one only widens it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from pglast.ast import A_Const, Integer, TypeName

from davylamp.schema.names import words

_BUILT_IN = (
    "bool bytea char int8 int2 int4 text oid json jsonb xml float4 float8 money bpchar varchar "
    "date time timetz timestamp timestamptz interval numeric bit varbit uuid inet cidr macaddr "
    "macaddr8 point line lseg box path polygon circle tsvector tsquery jsonpath pg_lsn name "
    "int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange "
    "nummultirange tsmultirange tstzmultirange datemultirange regclass regtype regproc "
    "xid8 txid_snapshot pg_snapshot"
)
_OF_EXTENSIONS = (
    "citext hstore ltree lquery ltxtquery cube seg isbn issn ean13 geometry geography raster "
    "vector halfvec sparsevec"
)
_SERIAL = "serial serial2 serial4 serial8 smallserial bigserial"
BUILT_IN = frozenset(_BUILT_IN.split())
"""Of pg_catalog, which is searched first: no name of one's own hides them."""
OF_EXTENSIONS = frozenset(_OF_EXTENSIONS.split())
"""Of extensions that are widely used; base types, so no domain with constraints."""
SERIAL = frozenset(_SERIAL.split())


@dataclass(frozen=True)
class ColumnType:
    """A column's type as far as it is known. `length` are its modifiers, () for none."""

    name: str
    length: tuple[int, ...] = ()
    is_array: bool = False


def bare_name(found: TypeName) -> str:
    """A type's name without pg_catalog; `schema.name` for one of one's own in a schema."""
    parts = words(found.names or ())
    return ".".join(parts[1:] if parts[:1] == ("pg_catalog",) else parts)


def column_type(found: TypeName | None) -> ColumnType | None:
    """None when it isn't a built-in type with plain modifiers."""
    if found is None or bare_name(found) not in BUILT_IN:
        return None
    length = tuple(_number(one) for one in found.typmods or ())
    if None in length:
        return None
    return ColumnType(
        bare_name(found), cast("tuple[int, ...]", length), found.arrayBounds is not None
    )


def only_widens(old: ColumnType, new: ColumnType) -> bool:
    """Does the change take no value away and rewrite nothing? Checked on PostgreSQL 18.

    varchar longer, varchar to text or back to one without a length, numeric with more digits
    at the same scale or without a limit, and no change at all.
    """
    if old == new:
        return True
    if old.is_array or new.is_array:
        return False
    if {old.name, new.name} <= {"varchar", "text"}:
        return not new.length or (
            old.name == new.name and bool(old.length) and new.length >= old.length
        )
    if old.name == new.name == "numeric" and old.length:
        return not new.length or (_scale(old) == _scale(new) and new.length[0] >= old.length[0])
    return False


def _scale(found: ColumnType) -> int:
    return found.length[1] if len(found.length) > 1 else 0


def _number(found: object) -> int | None:
    value = found.val if isinstance(found, A_Const) else None
    return value.ival if isinstance(value, Integer) else None
