"""The engine's protocols over a World: Platform, and what copies and Envoy's admin answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.simulated_fleet.tiny_http import Answer, Request
from benchmarks.simulated_fleet.world import World
from davylamp.errors import Refused, Unreachable
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance
from davylamp.traffic.envoy import names

_JSON = {"Content-Type": "application/json"}
_MILLION = 1_000_000


class SimulatedPlatform:
    """Implements `Platform`: it lists what the world says, and starts nothing."""

    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, order: StartOrder) -> None:
        raise Refused("a simulated fleet that is only looked at starts nothing")

    def stop(self, ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        self.world.copies = [one for one in self.world.copies if one.id not in ids]

    def instances(self) -> list[Instance]:
        if self.world.is_platform_silent:
            raise Unreachable("the simulated platform is silent")
        return list(self.world.copies)


Told = dict[str, bytes]
"""What is answered where: by `host path`."""


class SimulatedHosts:
    """Answers at every address of a world: for each copy, and for Envoy's admin at 127.0.0.1."""

    def __init__(self) -> None:
        self.told: Told = {}

    def answer(self, request: Request) -> Answer:
        body = self.told.get(f"{request.host} {request.path.partition('?')[0]}")
        return Answer(404) if body is None else Answer(200, body, _JSON)


def told_by(world: World) -> Told:
    """What this world says, just now."""
    reports = {
        f"{address.partition(':')[0]} /.well-known/davylamp": report
        for address, report in world.reports.items()
    }
    admin = {"127.0.0.1 /runtime": _runtime(world), "127.0.0.1 /clusters": _clusters(world)}
    return {where: json.dumps(said).encode() for where, said in (reports | admin).items()}


def _runtime(world: World) -> dict[str, Any]:
    entries = {
        names.candidate_key(service, world.releases.get(service, 0)): {
            "final_value": f"numerator: {round(share * _MILLION)} denominator: MILLION"
        }
        for service, share in world.shares.items()
    }
    return {"entries": entries}


def _clusters(world: World) -> dict[str, Any]:
    return {
        "cluster_statuses": [
            {
                "name": names.cluster_name(service, Role.STABLE),
                "host_statuses": [_host(address) for address in addresses],
            }
            for service, addresses in world.endpoints.items()
        ]
    }


def _host(address: str) -> dict[str, Any]:
    host, _, port = address.partition(":")
    return {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
