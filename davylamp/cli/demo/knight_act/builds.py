"""The act's builds, the flag, and the server everybody forgot."""

from __future__ import annotations

from davylamp.cli.demo.versions import ShopVersion
from davylamp.ledger.models import ReleaseState

SERVICE = "trading"
FLAG = "power-peg"
EIGHTH = "trading-8"
OLD = ShopVersion(SERVICE, "1.0.0", "tests algorithms when power-peg is on")
NEW = ShopVersion(
    SERVICE,
    "2.0.0",
    "routes retail orders when power-peg is on",
    ReleaseState.UNCONFIRMED,
    {"SHOP_POWER_PEG": "retail-routing"},
)
BEFORE = {"active": [FLAG], "retired": []}
AFTER = {"active": [FLAG], "retired": [FLAG]}
"""The old feature was retired, and its name taken for the new one: what nobody may do."""
