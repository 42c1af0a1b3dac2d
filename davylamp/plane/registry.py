"""The embedded registry: Debian's `docker-registry`, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import yaml

from davylamp.plane.component import Component
from davylamp.plane.home import Home
from davylamp.plane.ports import HOST
from davylamp.plane.probes import HttpProbe


def find_registry() -> str | None:
    return shutil.which("docker-registry") or shutil.which("registry")


def registry_part(binary: str, home: Home, port: int, env: Mapping[str, str]) -> Component:
    """Images lie in `<home>/registry`; anybody on this machine may push."""
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(home.registry)},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"{HOST}:{port}"},
    }
    file = home.folder / "registry.yml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return Component(
        "registry",
        (binary, "serve", str(file)),
        HttpProbe(f"http://{HOST}:{port}/v2/"),
        home.log("registry"),
        # REGISTRY_* variables would change its configuration
        env={name: value for name, value in env.items() if not name.startswith("REGISTRY_")},
        address=f"http://{HOST}:{port}",
    )
