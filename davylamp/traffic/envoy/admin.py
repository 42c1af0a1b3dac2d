"""What Envoy itself says is in force."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from davylamp.traffic.envoy import names

_CDS = "cluster_manager.cds.version_text"
_RDS = f"http.{names.LISTENER}.rds.{names.ROUTES}.version_text"
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Versions:
    """Versions of the documents Envoy has in force; empty when it has none or doesn't answer."""

    clusters: str = ""
    routes: str = ""
    unreachable: str = ""


class Admin:
    """Envoy's admin interface, read only."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.AsyncClient(base_url=self.url, timeout=2.0, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def versions(self) -> Versions:
        """What is in force right now."""
        query = {"format": "json", "type": "TextReadouts", "filter": r"ds\..*version_text$"}
        try:
            answer = await self._client.get("/stats", params=query)
            answer.raise_for_status()
            stats: list[dict[str, Any]] = answer.json()["stats"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return Versions(unreachable=f"{self.url}: {type(error).__name__}: {error}")
        found = {str(s.get("name")): str(s.get("value")) for s in stats}
        return Versions(found.get(_CDS, ""), found.get(_RDS, ""))

    async def wait_for(
        self, *, clusters: str = "", routes: str = "", seconds: float
    ) -> tuple[bool, Versions]:
        """Wait until Envoy has taken over these versions, and say what it has at the end."""
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            now = await self.versions()
            if clusters in ("", now.clusters) and routes in ("", now.routes):
                return not now.unreachable, now
            if time.monotonic() + pause > deadline:
                return False, now
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
