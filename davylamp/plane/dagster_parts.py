"""Dagster on the embedded plane: one code server, shared by the web server and the daemon."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

import davylamp
from davylamp.errors import BadInput
from davylamp.plane.component import Component
from davylamp.plane.home import Home
from davylamp.plane.ports import HOST, Ports
from davylamp.plane.probes import DaemonProbe, HttpProbe, TcpProbe, UnixProbe

_DEFINITIONS = "release_defs.definitions"
_GRACE_SECONDS = 15.0
_ZYGOTE_GRACE_SECONDS = 30.0
"""Its workers take their releases back before it ends."""


def dagster_parts(
    home: Home, ports: Ports, cwd: Path, env: Mapping[str, str], prepare: Callable[[], None]
) -> tuple[Component, ...]:
    """Zygote, code server, web server, daemon. The first two alone import the definitions."""
    binaries = Path(sys.executable).parent
    if not (binaries / "dagster-webserver").exists():
        raise BadInput(f"there is no dagster-webserver in {binaries}: run `make setup`")
    workspace = _write_home(home, ports, cwd)
    zygote = home.socket.with_name("zygote.sock")
    env = {
        **env,
        "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "DAVYLAMP_ZYGOTE_SOCKET": str(zygote),
    }

    def part(name: str, argv: list[str], **more: object) -> Component:
        return Component(
            name,
            tuple(argv),
            log=home.log(name),
            env=env,
            cwd=cwd,
            ready_seconds=120.0,
            # runs go on when what launched them dies
            keeps_stragglers=True,
            **{"grace_seconds": _GRACE_SECONDS, **more},  # type: ignore[arg-type]
        )

    dagster, web = str(binaries / "dagster"), str(binaries / "dagster-webserver")
    code_port = ports.dagster_code
    return (
        part(
            "dagster-zygote",
            [sys.executable, "-m", "release_defs.launcher.zygote"],
            probe=UnixProbe(zygote),
            address=str(zygote),
            depends_on=("postgres",),
            grace_seconds=_ZYGOTE_GRACE_SECONDS,
        ),
        part(
            "dagster-code",
            [
                *(dagster, "api", "grpc", "-h", HOST, "-p", str(code_port), "-m", _DEFINITIONS),
                *("--location-name", "davylamp", "--use-python-environment-entry-point"),
            ],
            probe=TcpProbe(code_port),
            address=f"{HOST}:{code_port}",
            depends_on=("postgres",),
            prepare=prepare,
        ),
        part(
            "dagster-webserver",
            [web, "-h", HOST, "-p", str(ports.dagster), "-w", str(workspace)],
            probe=HttpProbe(f"http://{HOST}:{ports.dagster}/server_info"),
            address=f"http://{HOST}:{ports.dagster}",
            depends_on=("dagster-code",),
        ),
        part(
            "dagster-daemon",
            [str(binaries / "dagster-daemon"), "run", "-w", str(workspace)],
            probe=DaemonProbe(f"http://{HOST}:{ports.dagster}"),
            # the web server makes the tables, and two at once would trip over each other
            depends_on=("dagster-webserver",),
        ),
    )


def _write_home(home: Home, ports: Ports, cwd: Path) -> Path:
    """Write DAGSTER_HOME; returns the workspace file."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_instance_file(cwd), home.dagster / "dagster.yaml")
    server = {"host": HOST, "port": ports.dagster_code, "location_name": "davylamp"}
    workspace = home.dagster / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}, sort_keys=False))
    return workspace


def _instance_file(cwd: Path) -> Path:
    places = (cwd, Path(davylamp.__file__).parents[1])
    for folder in places:
        if (folder / "dagster.yaml").is_file():
            return folder / "dagster.yaml"
    raise BadInput(
        f"no dagster.yaml in {' or '.join(str(p) for p in dict.fromkeys(places))}: "
        "run `davylamp up --dagster` from the project's folder"
    )
