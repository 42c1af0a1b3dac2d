"""Log files: their last words, and a bound on their size."""

from __future__ import annotations

import shutil
from pathlib import Path

LIMIT_BYTES = 20_000_000
KEPT_INSTANCE_LOGS = 200
_TAIL_BYTES = 8192


def tail(log: Path, lines: int = 20) -> str:
    """The last lines; '' when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def last_line(log: Path) -> str:
    return tail(log, 1)[:300]


def cap_logs(folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Cut a log that has grown too long; what it held stays beside it as `.1`.

    Copied and cut, not renamed: the process goes on writing to the file it has open.
    """
    for log in folder.rglob("*.log"):
        if log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            with log.open("r+b") as file:
                file.truncate(0)


def drop_oldest(folder: Path, but: set[str], keep: int = KEPT_INSTANCE_LOGS) -> None:
    """Delete all but the newest `keep` logs of copies that are gone (`but` names the others)."""
    logs = [log for log in folder.glob("*.log*") if log.name.split(".log")[0] not in but]
    logs.sort(key=lambda log: log.stat().st_mtime, reverse=True)
    for log in logs[keep:]:
        log.unlink(missing_ok=True)
