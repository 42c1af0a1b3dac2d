"""Run a command as nobody: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from davylamp.errors import BadInput

NOBODY = 65534

_PASS_CLOSED_FOLDERS = (
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    # without it access(2) ignores the capability, and PostgreSQL doesn't find itself
    "--securebits=+no_setuid_fixup",
)


def is_root() -> bool:
    return os.geteuid() == 0


def hand_over(folder: Path) -> None:
    """Make a private folder that nobody owns if we are root, and we ourselves otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if is_root():
        os.chown(folder, NOBODY, NOBODY)


def unprivileged(argv: list[str], reach: tuple[Path, ...]) -> list[str]:
    """`argv` run as nobody if we are root, unchanged if we are not.

    `reach` are the paths the command must get at. Where nobody may not (a clone in /root, of
    mode 0700), it keeps the one capability that lets it pass, and nothing else of root's.
    """
    if not is_root():
        return argv
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise BadInput(
            f"{Path(argv[0]).name} does not run as root, and `setpriv` (package util-linux), "
            "which would run it as nobody, is not on PATH: install it, or run Davylamp as "
            "another user with DAVYLAMP_HOME set to a folder that user can reach"
        )
    drop = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if not all(open_to_nobody(path) for path in reach):
        drop += _PASS_CLOSED_FOLDERS
    # a change of user clears the parent-death signal
    return [*drop, "--pdeathsig", "keep", *argv]


def open_to_nobody(path: Path) -> bool:
    """May nobody read and pass `path`, and pass every folder above it?"""
    found = path.resolve()
    last = found.stat()
    needed = stat.S_IXOTH | stat.S_IROTH
    return (last.st_uid == NOBODY or last.st_mode & needed == needed) and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in found.parents
    )
