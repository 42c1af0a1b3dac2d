"""The one list of rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from davylamp.schema.lint.part import Judge, Kind, Rule
from davylamp.schema.lint.rules import (
    add_column,
    add_constraint,
    column_settings,
    column_type,
    creates,
    dangerous,
    data_changes,
    domains,
    drops,
    indexes,
    not_null,
    partitions,
    privileges,
    reads,
    renames,
    run_time,
    session,
    triggers,
)

RULES: tuple[Rule, ...] = (
    *creates.RULES,
    *add_column.RULES,
    *add_constraint.RULES,
    *not_null.RULES,
    *column_type.RULES,
    *column_settings.RULES,
    *indexes.RULES,
    *partitions.RULES,
    *renames.RULES,
    *drops.RULES,
    *domains.RULES,
    *triggers.RULES,
    *privileges.RULES,
    *data_changes.RULES,
    *reads.RULES,
    *run_time.RULES,
    *session.RULES,
    *dangerous.RULES,
)


def _by_kind(rules: Iterable[Rule]) -> Mapping[Kind, tuple[Judge, ...]]:
    found: dict[Kind, tuple[Judge, ...]] = defaultdict(tuple)
    for rule in rules:
        for kind in rule.kinds:
            found[kind] += (rule.judge,)
    return found


BY_KIND = _by_kind(RULES)
