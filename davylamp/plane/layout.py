"""Which parts the plane has, and how each is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from davylamp.errors import BadInput
from davylamp.plane import postgres
from davylamp.plane.component import Component
from davylamp.plane.dagster_parts import dagster_parts
from davylamp.plane.home import Home
from davylamp.plane.ledger_ready import LedgerReady
from davylamp.plane.leftovers import MARKER
from davylamp.plane.ports import HOST, Ports
from davylamp.plane.probes import Http2Probe, HttpProbe, PostgresProbe, StaysUpProbe
from davylamp.plane.registry import find_registry, registry_part
from davylamp.settings import Addresses, Settings

CORE = ("postgres", "registry", "envoy", "controller", "keeper")
_BY_HAND = {
    "postgres": "set by DAVYLAMP_LEDGER_URL",
    "registry": "set by DAVYLAMP_REGISTRY_URL",
    "envoy": "set by DAVYLAMP_ENVOY_URL",
}
_CONTROLLER_SILENCE_SECONDS = 60.0
"""Users are on stable by the TTL long before; what waits is the next release."""
DAGSTER = ("dagster-zygote", "dagster-code", "dagster-webserver", "dagster-daemon")


@dataclass(frozen=True)
class Elsewhere:
    """A part that is not the plane's to run: given by a setting, or a folder."""

    name: str
    address: str
    why: str


@dataclass(frozen=True)
class Layout:
    components: tuple[Component, ...]
    elsewhere: tuple[Elsewhere, ...]


@dataclass(frozen=True)
class Site:
    """What the parts are built from."""

    settings: Settings
    home: Home
    ports: Ports
    cwd: Path
    fast: bool = False
    """PostgreSQL doesn't wait for the disk: for tests."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def check_names(names: tuple[str, ...]) -> None:
    unknown = sorted(set(names) - {*CORE, *DAGSTER})
    if unknown:
        raise BadInput(
            f"the plane has no part {', '.join(unknown)}: it has {', '.join((*CORE, *DAGSTER))}"
        )


def addresses(site: Site) -> Addresses:
    """Where everything is, or will be; what was set by hand wins."""
    given, ports = site.settings, site.ports
    layout = f"oci-layout://{site.home.registry}"
    registry = f"http://{HOST}:{ports.registry}" if find_registry() else layout
    return Addresses(
        ledger_url=given.ledger_url or postgres.url_of(ports.postgres, "davylamp"),
        dagster_storage_url=given.dagster_storage_url
        or postgres.url_of(ports.postgres, "dagster", driver="psycopg2"),
        registry_url=given.registry_url or registry,
        envoy_url=given.envoy_url or f"http://{HOST}:{ports.envoy}",
        envoy_admin_url=given.envoy_admin_url or f"http://{HOST}:{ports.envoy_admin}",
        dagster_url=given.dagster_url or f"http://{HOST}:{ports.dagster}",
        platform_socket=str(site.home.socket),
    )


def addresses_to_write(site: Site) -> Addresses:
    """Without the databases set by hand: their passwords belong in no file of ours."""
    databases = ("ledger_url", "dagster_storage_url")
    by_hand = {name: "" for name in databases if getattr(site.settings, name)}
    return replace(addresses(site), **by_hand)


def lay_out(site: Site, names: tuple[str, ...]) -> Layout:
    """The parts called `names`, in the order they start."""
    makers: dict[str, Callable[[], tuple[Component | Elsewhere, ...]]] = {
        "postgres": lambda: (_postgres(site),),
        "registry": lambda: (_registry(site),),
        "envoy": lambda: (_envoy(site),),
        "controller": lambda: (_controller(site),),
        "keeper": lambda: (_keeper(site),),
    }
    made = [part for name in CORE if name in names for part in makers[name]()]
    if any(name in names for name in DAGSTER):
        env = _environment(site)
        parts = dagster_parts(site.home, site.ports, site.cwd, env, _ledger_ready(site))
        made += [part for part in parts if part.name in names]
    return Layout(
        tuple(part for part in made if isinstance(part, Component)),
        tuple(part for part in made if isinstance(part, Elsewhere)),
    )


def _postgres(site: Site) -> Component | Elsewhere:
    given, data, port = site.settings, site.home.postgres, site.ports.postgres
    if given.ledger_url and given.dagster_storage_url:
        return Elsewhere("postgres", _without_password(given.ledger_url), _BY_HAND["postgres"])

    def prepare() -> None:
        postgres.initialise(data, fast=site.fast)
        postgres.clear_stale_lock(data)

    def settle() -> None:
        for name in ("davylamp", "dagster"):
            postgres.ensure_database(postgres.url_of(port), name)

    # the command checks what nobody can reach, so the folder must be there
    prepare()
    return Component(
        "postgres",
        tuple(postgres.command(data, port, fast=site.fast)),
        PostgresProbe(port),
        site.home.log("postgres"),
        env=postgres.environment(site.home.folder),
        address=f"{HOST}:{port}",
        prepare=prepare,
        settle=settle,
        stop_signal=postgres.STOP_SIGNAL,
        death_signal=postgres.DEATH_SIGNAL,
        grace_seconds=20.0,
    )


def _registry(site: Site) -> Component | Elsewhere:
    if site.settings.registry_url:
        return Elsewhere("registry", site.settings.registry_url, _BY_HAND["registry"])
    binary = find_registry()
    if binary is None:
        site.home.registry.mkdir(parents=True, exist_ok=True)
        return Elsewhere(
            "registry",
            f"oci-layout://{site.home.registry}",
            "a folder: no `docker-registry` on PATH (Debian package docker-registry)",
        )
    return registry_part(binary, site.home, site.ports.registry, _environment(site))


def _envoy(site: Site) -> Component | Elsewhere:
    if site.settings.envoy_url:
        return Elsewhere("envoy", site.settings.envoy_url, _BY_HAND["envoy"])
    from davylamp.traffic.envoy.bootstrap import envoy_command

    ports = site.ports
    argv = envoy_command(
        site.settings,
        listener_port=ports.envoy,
        admin_port=ports.envoy_admin,
        rtds_port=ports.rtds,
        # one a machine: so is the port
        base_id=ports.envoy_admin,
    )
    return Component(
        "envoy",
        tuple(argv),
        HttpProbe(f"http://{HOST}:{ports.envoy_admin}/ready"),
        site.home.log("envoy"),
        env=_environment(site),
        cwd=site.cwd,
        address=f"http://{HOST}:{ports.envoy}",
    )


def _controller(site: Site) -> Component:
    return Component(
        "controller",
        (sys.executable, "-m", "davylamp.traffic.controller"),
        Http2Probe(site.ports.rtds),
        site.home.log("controller"),
        env=_environment(site),
        cwd=site.cwd,
        address=f"{HOST}:{site.ports.rtds}",
        depends_on=("postgres",),
        prepare=_ledger_ready(site),
        silence_seconds=_CONTROLLER_SILENCE_SECONDS,
    )


def _keeper(site: Site) -> Component:
    return Component(
        "keeper",
        (sys.executable, "-m", "davylamp.rollout.keeper"),
        StaysUpProbe(2.0),
        site.home.log("keeper"),
        env=_environment(site),
        cwd=site.cwd,
        depends_on=("postgres",),
        prepare=_ledger_ready(site),
    )


def _ledger_ready(site: Site) -> LedgerReady:
    return LedgerReady(addresses(site).ledger_url)


def _environment(site: Site) -> Mapping[str, str]:
    """Ours, and what the parts need to find each other."""
    found = addresses(site)
    binaries = str(Path(sys.executable).parent)
    return {
        **site.environment,
        "PATH": f"{binaries}:{site.environment.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "DAVYLAMP_HOME": str(site.home.folder),
        "DAVYLAMP_RTDS_PORT": str(site.ports.rtds),
        "DAVYLAMP_DAGSTER_STORAGE_URL": found.dagster_storage_url,
        MARKER: str(site.home.folder),
    }


def _without_password(url: str) -> str:
    """As written, if it hides none."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@")
