"""A fresh home for each demonstration: the last one's ledger would know its builds already."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from davylamp.errors import BadInput, Refused
from davylamp.plane.home import Home
from davylamp.plane.leftovers import sweep
from davylamp.plane.lock import take_lock

_MARK = "demonstration"
"""A file that says: this folder is a demonstration's, and may be emptied for the next."""


def make_fresh(home: Home) -> None:
    """Empty a former demonstration's home, or make a new one.

    Raises `Refused` when its plane is up, `BadInput` when the folder holds anything else.
    """
    folder = home.folder
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise BadInput(
            f"{folder} is not empty, and no demonstration made it: give --home another folder"
        )
    handle = take_lock(home.lock, 0)
    if handle is None:
        raise Refused(
            f"a demonstration is still up in {folder}: end it with "
            f"`DAVYLAMP_HOME={folder} davylamp down`, or give --home another folder"
        )
    try:
        sweep(folder, home.record)
        _empty(folder)
    finally:
        os.close(handle)
    (folder / _MARK).touch()


def _empty(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise BadInput(f"{folder} cannot be emptied: {error}; give --home another one") from error
