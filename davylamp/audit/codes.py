"""The audit's codes, in the order they are shown in, each with what it holds against the fleet.

Apart from the rules, which need pandas: Dagster wants to know the checks at once.
"""

from __future__ import annotations

CODES = {
    "stale_instance": "an instance runs a build that is neither stable nor being released",
    "unknown_build": "an instance runs a build that the ledger doesn't know",
    "leftover_release": "a candidate or baseline runs, and its service has no active release",
    "known_bad_build": "an instance runs a build that was once rolled back",
    "unknown_service": "an instance belongs to a service that the catalog doesn't have",
    "witness_disagrees": "two witnesses tell different builds for one instance",
    "route_drift": "a router sends users elsewhere than the confirmed intent says",
    "retired_flag_read": "a build that runs reads a retired flag",
    "flag_reused": "an active flag has a retired flag's name",
    "schema_outside_contract": "a database is at a revision that a live build doesn't work with",
    "unreachable_instance": "an instance was not seen for longer than its service's limit",
    "missing_instances": "fewer instances run than are wanted",
    "stale_flag_set": "an instance evaluates older flags than were published",
    "duplicate_instance": "one instance id was reported twice",
    "overdue_contract": "a migrate phase ended long ago, and the old shape is still there",
}
