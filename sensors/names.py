"""Names that runs carry, and that jobs and sensors must agree on."""

from __future__ import annotations

from collections.abc import Mapping

RELEASE_JOB = "release_canary"
SCHEMA_JOB = "schema_change"
AUDIT_JOB = "fleet_audit"
TIDY_JOB = "tidy"
SERVICE_TAG = "davylamp/service"
"""Which service a run releases: one run a service at a time (see dagster.yaml)."""
SCHEMA_OF_TAG = "davylamp/schema-of"
"""Whose schema a run changes. Not the tag above: a quarantine of a day, or a backfill of hours,
must not keep the service from being released meanwhile."""
DATABASE_TAG = "davylamp/database"
"""One `schema_change` a database at a time (see dagster.yaml)."""
REVISION_TAG = "davylamp/revision"
"""The contract revision a run is about."""
OUTCOME_TAG = "davylamp/outcome"
"""How it ended: the release's last state in the ledger."""
SKIPPED = "skipped"
"""The outcome of a run that began no release: its build had one already."""
NEW_IMAGE = "new_image sensor"
"""Who asks for what was pushed: once a digest."""


def release_run(
    service: str, image: str, requested_by: str, request_id: int = 0
) -> Mapping[str, object]:
    """The configuration of a release's run."""
    asked = {"request_id": request_id} if request_id else {}
    return {"service": service, "image": image, "requested_by": requested_by, **asked}
