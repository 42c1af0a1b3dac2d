"""How a service process is started from an unpacked image: command, environment, folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from davylamp.builds.unpack import Rootfs
from davylamp.errors import BadInput
from davylamp.fleet.protocol import StartOrder
from davylamp.plane.leftovers import MARKER
from davylamp.plane.ports import HOST


@dataclass(frozen=True)
class Launch:
    argv: list[str]
    env: Mapping[str, str]
    cwd: Path


def launch(rootfs: Rootfs, order: StartOrder, instance_id: str, port: int, home: Path) -> Launch:
    """A clean environment: nothing of ours leaks into the service, and what the platform says
    (PORT, …) wins over the image and the order."""
    if not rootfs.entrypoint:
        raise BadInput(f"{order.image} names no command to run (Entrypoint, Cmd): build it anew")
    env = {
        "HOME": str(rootfs.workdir),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **rootfs.environment,
        **order.environment,
        "PATH": _path(rootfs),
        "HOST": HOST,
        "PORT": str(port),
        "DAVYLAMP_SERVICE": order.service,
        "DAVYLAMP_DIGEST": rootfs.digest,
        "DAVYLAMP_INSTANCE": instance_id,
        MARKER: str(home),
    }
    return Launch(
        [_on_this_machine(part, rootfs) for part in rootfs.entrypoint], env, rootfs.workdir
    )


def _path(rootfs: Rootfs) -> str:
    """This Python first: embedded images bring their own files only, and run on ours."""
    of_image = [
        str(rootfs.path / part.lstrip("/"))
        for part in rootfs.environment.get("PATH", "").split(":")
        if part and (rootfs.path / part.lstrip("/")).is_dir()
    ]
    ours = str(Path(sys.executable).parent)
    return ":".join([ours, *of_image, os.environ.get("PATH", os.defpath)])


def _on_this_machine(part: str, rootfs: Rootfs) -> str:
    """An absolute path that the image brings is meant inside it; others are this machine's."""
    if not part.startswith("/"):
        return part
    inside = rootfs.path / os.path.normpath(part).lstrip("/")
    return str(inside) if inside.exists() else part
