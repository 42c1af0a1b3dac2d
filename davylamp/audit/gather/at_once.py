"""Asking many databases, several at a time, for so long and no longer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from davylamp.errors import DavylampError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
_AT_ONCE = 8
_WHOLE_SECONDS = 30.0
"""For all of them: what wasn't reached by then wasn't seen."""


def ask_all(asked: Mapping[str, Asked], ask: Callable[[str, Asked], Answer]) -> dict[str, Answer]:
    """Answers by name. What doesn't answer (a `DavylampError`), or isn't reached in time, is left
    out."""
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="audit")
    try:
        begun = {name: pool.submit(ask, name, one) for name, one in asked.items()}
        wait(begun.values(), _WHOLE_SECONDS)
        done = {name: one for name, one in begun.items() if one.done()}
    finally:
        pool.shutdown(cancel_futures=True)
    silent = {name for name, one in done.items() if isinstance(one.exception(), DavylampError)}
    return {name: one.result() for name, one in done.items() if name not in silent}
