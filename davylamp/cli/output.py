"""How commands answer: one JSON document, or something for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console

_WIDE = 200


def console() -> Console:
    """Where people read. Piped into a file there is no edge to wrap at."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDE, soft_wrap=True)


def emit(document: Any, as_json: bool, human: Callable[[Console], None]) -> None:
    """Print `document` as JSON and nothing else, or let `human` print to a console."""
    if as_json:
        sys.stdout.write(json.dumps(document, default=str) + "\n")
        return
    human(console())
