"""Who a copy of a service says it is, at `/.well-known/davylamp`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Identity:
    service: str
    version: str
    digest: str
    instance: str
    started_at: str


def identify(service: str) -> Identity:
    """What the image and whoever started this copy said about it."""
    return Identity(
        service=service,
        version=os.environ.get("SHOP_VERSION", "0.0.0"),
        digest=os.environ.get("DAVYLAMP_DIGEST", ""),
        instance=os.environ.get("DAVYLAMP_INSTANCE", ""),
        started_at=datetime.now(UTC).isoformat(),
    )
