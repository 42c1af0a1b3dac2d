"""What launcher and zygote say to each other: one JSON line each way over a Unix socket."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

from davylamp.errors import Refused, Unreachable

CALL_SECONDS = 20.0
_LONGEST_LINE = 16 * 1024 * 1024


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def receive(connection: socket.socket) -> dict[str, Any]:
    """Empty when the other side only knocked; `Unreachable` when it hangs up in a sentence."""
    with connection.makefile("rb") as lines:
        line = lines.readline(_LONGEST_LINE)
    if not line:
        return {}
    if not line.endswith(b"\n"):
        raise Unreachable("the other side hung up in the middle of a sentence")
    return json.loads(line)


def check_peer(connection: socket.socket) -> None:
    """Only our own user may start runs, or say it has started them."""
    size = struct.calcsize("3i")
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack("3i", peer)
    if uid not in (os.getuid(), 0):
        raise Refused(f"the other side of {connection.getsockname()!r} is user {uid}, not ours")
