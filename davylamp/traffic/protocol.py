"""Router: what puts requests before builds. One implementation a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from davylamp.ledger.intent import ServiceRoute
from davylamp.traffic.effective import Weights


class Router(Protocol):
    """Carries out routes. Verify what you set: `apply` returns only what was *seen* in force."""

    async def lower(self, weights: Mapping[str, Weights]) -> None:
        """Take shares away, at once and before anything else; raising is not done here.

        It also vouches for what is left: shares it isn't called for again within their
        `ttl_seconds` vanish by themselves. A service that isn't named has none.
        """
        ...

    async def apply(
        self, routes: Mapping[str, ServiceRoute], weights: Mapping[str, Weights]
    ) -> Mapping[str, int]:
        """Bring endpoints, routes and shares into force for the whole fleet, in a safe order.

        Returns service → generation that the router has confirmed. A service whose
        generation could not be confirmed in time is left out.
        """
        ...
