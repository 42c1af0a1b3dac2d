"""Free ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

HOST = "127.0.0.1"
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 200


@dataclass(frozen=True)
class Ports:
    """The ports of the plane's own parts."""

    postgres: int = 15433
    registry: int = 5050
    envoy: int = 10080
    envoy_admin: int = 10081
    rtds: int = 10082
    dagster: int = 3000
    dagster_code: int = 10083


_REMEMBERED = TypeAdapter(dict[str, int])


def choose_ports(file: Path, *, any_port: bool = False) -> Ports:
    """The ports used last time where they are free, else the usual ones, else any; remembered
    in `file`. With `any_port` the usual ones are not tried."""
    remembered = _read(file)
    usual: dict[str, int] = {} if any_port else asdict(Ports())
    chosen: dict[str, int] = {}
    for name in (field.name for field in fields(Ports)):
        wanted = (remembered.get(name, 0), usual.get(name, 0))
        taken = set(chosen.values())
        fits = (port for port in wanted if port and port not in taken and is_free(port))
        chosen[name] = next(fits, 0) or free_port(taken)
    file.write_bytes(_REMEMBERED.dump_json(chosen))
    return Ports(**chosen)


def _read(file: Path) -> dict[str, int]:
    try:
        return _REMEMBERED.validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}  # a memory lost costs new ports only


def free_port(taken: Collection[int] = ()) -> int:
    """A port nobody listens on, not one of `taken`.

    Below the kernel's ephemeral range: there an outgoing connection can occupy the port while
    what listened on it restarts.
    """
    for _ in range(_TRIES):
        port = random.randint(20000, _ceiling() - 1)
        if port not in taken and is_free(port):
            return port
    return _any()


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # what a server does too: a port in TIME_WAIT is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _ceiling() -> int:
    try:
        low = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        low = 32768
    return low if low > 21000 else 32768


def _any() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
