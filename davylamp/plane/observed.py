"""Which build a process runs, as the kernel shows it: read from the process, not from its order."""

from __future__ import annotations

import os
from pathlib import Path

from davylamp.builds.digest import is_digest
from davylamp.ledger.instance import UNKNOWN_DIGEST

DIGEST_VARIABLE = b"DAVYLAMP_DIGEST="


def observed_digest(pid: int, images: Path) -> str | None:
    """The digest of the image a process was started from; None when the process is gone.

    An image is unpacked into `<images>/<hex of its digest>`, and its processes work in there. One
    that has gone elsewhere still has the environment it was started with; what has neither is
    `UNKNOWN_DIGEST`.
    """
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        return UNKNOWN_DIGEST
    return _of_folder(Path(folder), images) or _of_environment(pid) or UNKNOWN_DIGEST


def _of_folder(folder: Path, images: Path) -> str:
    home = Path(os.path.realpath(images))
    if not folder.is_relative_to(home) or folder == home:
        return ""
    name = folder.relative_to(home).parts[0].partition(".")[0]  # `….unused` was set aside
    return _checked(f"sha256:{name}")


def _of_environment(pid: int) -> str:
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    found = [entry for entry in entries if entry.startswith(DIGEST_VARIABLE)]
    return _checked(
        found[0].removeprefix(DIGEST_VARIABLE).decode(errors="replace") if found else ""
    )


def _checked(text: str) -> str:
    return text if is_digest(text) else ""
