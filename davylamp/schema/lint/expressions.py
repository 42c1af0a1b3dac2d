"""Is an expression the same for all rows, so that PostgreSQL works it out once?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pglast.ast import (
    A_ArrayExpr,
    A_Const,
    A_Expr,
    BoolExpr,
    CollateClause,
    FuncCall,
    Node,
    NullTest,
    SQLValueFunction,
    TypeCast,
)
from pglast.enums import A_Expr_Kind

from davylamp.schema.lint.types import BUILT_IN, bare_name
from davylamp.schema.names import words

_STABLE = (
    "now transaction_timestamp statement_timestamp current_database current_schema "
    "current_setting timezone date_trunc date_part age make_date make_interval "
    "make_time make_timestamp make_timestamptz to_date to_timestamp to_char to_number to_json "
    "to_jsonb json_build_object jsonb_build_object json_build_array jsonb_build_array json_object "
    "jsonb_object lower upper initcap concat concat_ws replace left right lpad rpad repeat "
    "btrim ltrim rtrim substring substr md5 length abs round floor ceil ceiling "
    "array_fill int4range int8range numrange tsrange tstzrange daterange"
)
_USUAL = "+ - * / % ^ || = <> < > <= >= -> ->> #> #>> & | # ~ << >>"
STABLE_FUNCTIONS = frozenset(_STABLE.split())
"""Of pg_catalog, stable or immutable in all their forms (pg_proc.provolatile)."""
_OPERATORS = frozenset(_USUAL.split())
_PLAIN = (A_Const, SQLValueFunction)
_PIECES = ("arg", "args", "lexpr", "rexpr", "elements")


def is_stable(root: Node, is_plain_type: Callable[[str], bool] = lambda _: False) -> bool:
    """True only when every piece of it is known to be. `is_plain_type` says of a type of one's
    own that a constant may be cast to it (an enum, not a domain)."""
    waiting: list[Any] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting.extend(one)  # pyright: ignore[reportUnknownArgumentType]
        elif one is not None and not isinstance(one, _PLAIN):
            if not _is_stable_itself(one, is_plain_type):
                return False
            waiting.extend(getattr(one, name) for name in _PIECES if hasattr(one, name))
    return True


def _is_stable_itself(one: Node, is_plain_type: Callable[[str], bool]) -> bool:
    """Whatever its pieces are."""
    if isinstance(one, TypeCast):
        return _casts_plainly(one, is_plain_type)
    if isinstance(one, FuncCall):
        return is_known_stable(one)
    if isinstance(one, A_Expr):
        return one.kind == A_Expr_Kind.AEXPR_OP and _is_usual(one)
    return isinstance(one, A_ArrayExpr | BoolExpr | NullTest | CollateClause)


def is_null(root: Node | None) -> bool:
    """NULL, also with casts around it."""
    while isinstance(root, TypeCast):
        root = root.arg
    return isinstance(root, A_Const) and bool(root.isnull)


def is_known_stable(call: FuncCall) -> bool:
    parts = words(call.funcname or ())
    own = parts[1:] if parts[:1] == ("pg_catalog",) else parts
    plain = call.over is None and call.agg_filter is None and not call.agg_star
    return plain and len(own) == 1 and own[0] in STABLE_FUNCTIONS


def _casts_plainly(cast: TypeCast, is_plain_type: Callable[[str], bool]) -> bool:
    name = bare_name(cast.typeName) if cast.typeName else ""
    # A cast to a type of one's own may call a function of one's own, unless it is of a text.
    return name in BUILT_IN or (isinstance(cast.arg, A_Const) and is_plain_type(name))


def _is_usual(operation: A_Expr) -> bool:
    """An operator without a schema, of those that are there for built-in types."""
    parts = words(operation.name or ())
    return len(parts) == 1 and parts[0] in _OPERATORS
