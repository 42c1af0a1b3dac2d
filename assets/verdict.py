"""`verdict`: what the judge says of each service's newest release, while it runs and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.live_version import live_version, services

verdict = dg.AssetSpec(
    "verdict",
    deps=[live_version],
    partitions_def=services,
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "What the judge says of each service's newest release. Its run writes an observation now "
        "and then and whenever the verdict changes, with the evidence in figures, as a table and "
        "as plots; the last one says how it ended."
    ),
)


def observation(service: str, headline: str, metadata: Mapping[str, Any]) -> dg.AssetObservation:
    """What a release says of itself."""
    return dg.AssetObservation(
        verdict.key, partition=service, description=headline, metadata=metadata
    )
