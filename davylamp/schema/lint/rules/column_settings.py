"""Settings of columns and tables that change no row and that no build sees."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.enums import AlterTableType

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, expand

_SETTINGS = (
    AlterTableType.AT_SetStatistics,
    AlterTableType.AT_SetOptions,
    AlterTableType.AT_ResetOptions,
    AlterTableType.AT_SetStorage,
    AlterTableType.AT_SetCompression,
    AlterTableType.AT_SetRelOptions,
    AlterTableType.AT_ResetRelOptions,
)


def judge_default(part: Part, context: Context) -> Iterator[Verdict]:
    """SET DEFAULT, DROP DEFAULT: for rows to come."""
    if part.node.def_ is not None:
        yield expand("set-default")
        return
    yield expand(
        "drop-default",
        "a live build that leaves the column out writes NULL from that moment on, or fails where "
        "the column is NOT NULL",
    )


def judge_setting(part: Part, context: Context) -> Iterator[Verdict]:
    yield expand("table-setting")


RULES = (
    Rule(judge_default, (AlterTableType.AT_ColumnDefault,)),
    Rule(judge_setting, _SETTINGS),
)
