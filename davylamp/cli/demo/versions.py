"""The builds of the story, and what each is made to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from davylamp.ledger.models import ReleaseState

SERVICES = ("checkout", "cart", "payments")


@dataclass(frozen=True)
class ShopVersion:
    """One build of one service of the shop. `faults` go into the image's environment."""

    service: str
    version: str
    what: str
    expected: ReleaseState = ReleaseState.PROMOTED
    faults: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: str = ""
    """What the image is made from; by default the folder of the service's name."""

    @property
    def name(self) -> str:
        return f"{self.service} {self.version}"

    @property
    def repository(self) -> str:
        return f"shop/{self.service}"

    @property
    def environment(self) -> dict[str, str]:
        return {"SHOP_VERSION": self.version, **self.faults}


FIRST = tuple(ShopVersion(name, "1.0.0", "healthy") for name in SERVICES)
"""What runs when the story begins."""

RELEASES = (
    ShopVersion(
        "checkout",
        "1.1.0",
        "fails one request in five",
        ReleaseState.ROLLED_BACK,
        {"SHOP_ERROR_RATE": "0.2"},
    ),
    # 15 % of requests taking 3.5 times as long triple the p99 and leave the median alone: an
    # average would not show it.
    ShopVersion(
        "checkout",
        "1.2.0",
        "p99 three times slower",
        ReleaseState.ROLLED_BACK,
        {"SHOP_SLOW_SHARE": "0.15", "SHOP_SLOW_FACTOR": "3.5"},
    ),
    ShopVersion("checkout", "1.3.0", "healthy"),
)
"""What is pushed, one after the other's end."""
