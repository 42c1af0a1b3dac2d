"""The one list of rules."""

from __future__ import annotations

from davylamp.audit.rule import Rule
from davylamp.audit.rules import (
    duplicate_instance,
    flag_reused,
    known_bad_build,
    leftover_release,
    missing_instances,
    overdue_contract,
    retired_flag_read,
    route_drift,
    schema_outside_contract,
    stale_flag_set,
    stale_instance,
    unknown_build,
    unknown_service,
    unreachable_instance,
    witness_disagrees,
)

RULES: tuple[Rule, ...] = (
    stale_instance.RULE,
    unknown_build.RULE,
    leftover_release.RULE,
    retired_flag_read.RULE,
    flag_reused.RULE,
    schema_outside_contract.RULE,
    route_drift.RULE,
    unreachable_instance.RULE,
    missing_instances.RULE,
    stale_flag_set.RULE,
    known_bad_build.RULE,
    overdue_contract.RULE,
    unknown_service.RULE,
    duplicate_instance.RULE,
    witness_disagrees.RULE,
)

CODES = frozenset(rule.code for rule in RULES)
