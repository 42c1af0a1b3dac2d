"""Stage: a simulated fleet with the real parts around it, ready to be audited."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.simulated_fleet.databases import make_databases
from benchmarks.simulated_fleet.hosts_process import hosts_process, write_told
from benchmarks.simulated_fleet.parts import SimulatedHosts, SimulatedPlatform, Told, told_by
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
    tell: Callable[[Told], None]
    """Has copies and Envoy say this from now on."""
    port: int
    world: World

    def set_up(self, size: Size) -> World:
        """A healthy world of this size takes the place of the one before."""
        self.tear_down()
        self.world = healthy_world(size, self.port)
        make_databases(self.server_url, self.world)
        write_down(self.ledger, self.world)
        return self.world

    def tear_down(self) -> None:
        while self.world.undo:
            self.world.undo.pop()()

    def parts(self) -> Parts:
        """What the audit is given; the world is asked as it is now. Flags are read from a file,
        as they would be."""
        self.tell(told_by(self.world))
        flags = self.home / "flags.json"
        flags.write_text(json.dumps(self.world.flags))
        settings = load_settings(home=self.home, ledger_url="", flags_file=flags, ttl_seconds=1)
        platform = SimulatedPlatform(self.world)
        return Parts(settings, self.ledger, platform, self.world.catalog)


@contextmanager
def stage(ledger: Ledger, server_url: str, home: Path, *, apart: bool = False) -> Generator[Stage]:
    """An empty stage; `server_url` is of the server the ledger is on. `apart`: copies and Envoy
    answer from a process of their own."""
    with _hosts(home, apart) as (port, tell):
        admin = f"http://127.0.0.1:{port}"
        write_addresses(
            home / "addresses.json", Addresses(ledger_url=server_url, envoy_admin_url=admin)
        )
        found = Stage(ledger, server_url, home, tell, port, healthy_world(Size(0), port))
        try:
            yield found
        finally:
            found.tear_down()


@contextmanager
def _hosts(home: Path, apart: bool) -> Generator[tuple[int, Callable[[Told], None]]]:
    if apart:
        file = home / "told"
        with hosts_process(file) as port:
            yield port, partial(write_told, file)
        return
    hosts = SimulatedHosts()
    with serving(hosts.answer) as port:
        yield port, partial(setattr, hosts, "told")
