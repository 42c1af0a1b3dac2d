"""The state of a database and its backfills as JSON: for commands, the ledger and Dagster."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from davylamp.schema.backfill.model import BackfillResult, Progress
from davylamp.schema.quarantine_record import Quarantine
from davylamp.schema.state import SchemaState


def state_document(state: SchemaState) -> dict[str, Any]:
    return {
        "database": state.database,
        "revision": state.revision,
        "phase": state.phase.value,
        "stopped": state.stopped,
        "holder": state.holder,
        "pending": list(state.pending),
        "revisions": [asdict(one) for one in state.revisions],
        "backfills": [
            progress_document(one.progress)
            | {"wanted": one.wanted, "holder": one.holder, "reason": one.reason}
            for one in state.backfills
        ],
        "dual_writes": [asdict(one) for one in state.dual_writes],
        "quarantines": [_quarantine(one) for one in state.quarantines],
    }


def progress_document(progress: Progress) -> dict[str, Any]:
    """`seconds_left` is null while nothing moves."""
    left = progress.seconds_left
    return asdict(progress) | {
        "share": progress.share,
        "seconds_left": left if math.isfinite(left) else None,
    }


def result_document(result: BackfillResult) -> dict[str, Any]:
    return asdict(result)


def _quarantine(one: Quarantine) -> dict[str, Any]:
    return {
        "column": one.id,
        "state": one.state.value,
        "reason": one.reason,
        "roles": list(one.roles),
        "began_at": one.began_at,
        "until": one.until,
        "abandoned": one.is_abandoned,
    }
