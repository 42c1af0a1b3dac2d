"""Stage: a simulated fleet with the real parts around it, ready to be audited."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.simulated_fleet.databases import make_databases
from benchmarks.simulated_fleet.parts import SimulatedHosts, SimulatedPlatform
from benchmarks.simulated_fleet.recorded import write_down
from benchmarks.simulated_fleet.tiny_http import serving
from benchmarks.simulated_fleet.world import Size, World, healthy_world
from davylamp.ledger.session import Ledger
from davylamp.rollout.parts import Parts
from davylamp.settings import Addresses, load_settings, write_addresses


@dataclass
class Stage:
    """One world after another before the same audience."""

    ledger: Ledger
    server_url: str
    """Of the PostgreSQL that holds ledger and databases."""
    home: Path
    hosts: SimulatedHosts
    port: int
    world: World

    def set_up(self, size: Size) -> World:
        """A healthy world of this size takes the place of the one before."""
        self.tear_down()
        self.world = self.hosts.world = healthy_world(size, self.port)
        make_databases(self.server_url, self.world)
        write_down(self.ledger, self.world)
        return self.world

    def tear_down(self) -> None:
        while self.world.undo:
            self.world.undo.pop()()

    def parts(self) -> Parts:
        """What the audit is given. Flags are read from a file, as they would be."""
        flags = self.home / "flags.json"
        flags.write_text(json.dumps(self.world.flags))
        settings = load_settings(home=self.home, ledger_url="", flags_file=flags, ttl_seconds=1)
        platform = SimulatedPlatform(self.world)
        return Parts(settings, self.ledger, platform, self.world.catalog)


@contextmanager
def stage(ledger: Ledger, server_url: str, home: Path) -> Generator[Stage]:
    """An empty stage; `server_url` is of the server the ledger is on."""
    hosts = SimulatedHosts()
    with serving(hosts.answer) as port:
        admin = f"http://127.0.0.1:{port}"
        write_addresses(
            home / "addresses.json", Addresses(ledger_url=server_url, envoy_admin_url=admin)
        )
        found = Stage(ledger, server_url, home, hosts, port, healthy_world(Size(0), port))
        try:
            yield found
        finally:
            found.tear_down()
