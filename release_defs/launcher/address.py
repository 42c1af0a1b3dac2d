"""Where the zygote listens: worked out alike by who listens and by who calls."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SOCKET_VARIABLE = "DAVYLAMP_ZYGOTE_SOCKET"
_LONGEST_PATH = 107  # of a Unix socket, in bytes


def zygote_socket(given: str = "", home: str = "") -> Path:
    """`given`, else the variable's, else `zygote.sock` in Dagster's home.

    A path too long for a Unix socket becomes a short one in /tmp that depends on it alone.
    """
    home = home or os.environ.get("DAGSTER_HOME", ".")
    path = Path(given or os.environ.get(SOCKET_VARIABLE, "") or Path(home) / "zygote.sock")
    path = path.absolute()
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    return Path(f"/tmp/davylamp-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.sock")
