"""The builds of the act: orders, from `state` to `status`."""

from __future__ import annotations

from davylamp.cli.demo.versions import ShopVersion

SERVICE = "orders"
DATABASE = "shop"
TABLE = "orders"
OLD, NEW = "state", "status"


def _orders(version: str, what: str) -> ShopVersion:
    return ShopVersion(SERVICE, version, what, folder=f"{SERVICE}-{version}")


FIRST = _orders("1.0.0", "keeps an order's status in `state`")
RENAMES = _orders("1.1.0", "reads and writes `status`, and brings what that takes")
DROPS = _orders("1.2.0", "brings the drop of `state`, and learns to read `refunded`")
WRITES = _orders("1.3.0", "writes `refunded`")
