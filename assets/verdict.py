"""`verdict`: what the judge says of each service's newest release, while it runs and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.live_version import services

verdict = dg.AssetSpec(
    "verdict",
    partitions_def=services,
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "What the judge says of each service's newest release. Its run writes an observation now "
        "and then and whenever the verdict changes, with the evidence in figures, as a table and "
        "as plots, and materializes it with how it ended."
    ),
)


def observation(service: str, headline: str, metadata: Mapping[str, Any]) -> dg.AssetObservation:
    """What is said of a release under way."""
    return dg.AssetObservation(
        verdict.key, partition=service, description=headline, metadata=metadata
    )


def materialization(
    service: str, reason: str, metadata: Mapping[str, Any]
) -> dg.AssetMaterialization:
    """What is said of a release that has ended."""
    return dg.AssetMaterialization(
        verdict.key, partition=service, description=reason, metadata=metadata
    )
