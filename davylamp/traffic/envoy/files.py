"""The files Envoy watches: replaced in one step, and never without need."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from davylamp.errors import BadInput

Document = dict[str, Any]

CDS_FILE = "clusters.json"
RDS_FILE = "routes.json"


def write_document(file: Path, document: Document) -> bool:
    """Replace the file. False when it already says exactly this and was left alone.

    Envoy follows renames within the folder; a file written in place could be read half done.
    """
    text = _text(document)
    if file.exists() and file.read_text() == text:
        return False
    _written_beside(file, text).replace(file)
    return True


def create_document(file: Path, document: Document) -> None:
    """Write the file only if there is none, even when somebody else is about to."""
    temporary = _written_beside(file, _text(document))
    try:
        os.link(temporary, file)
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def read_document(file: Path) -> Document | None:
    """What the file says; None when there is none."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadInput(
            f"{file}: not a document Envoy could read ({error}); remove it, it is written anew"
        ) from error


def _text(document: Document) -> str:
    return json.dumps(document, indent=1) + "\n"


def _written_beside(file: Path, text: str) -> Path:
    """The text in a file of this process's own in the same folder, safely on disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.new")
    with temporary.open("w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    return temporary
