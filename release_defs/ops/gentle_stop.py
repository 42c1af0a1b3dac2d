"""A cancelled run stops where nothing is half done: after the batch, or the statement, it is in."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dagster import DagsterExecutionInterruptedError

PATIENCE_SECONDS = 10.0
"""How long a batch or statement gets to end; after that it is broken off, and rolled back."""


@contextmanager
def stopping_gently(patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Callable[[], None]]:
    """Call what it yields between two steps: it raises what Dagster raises in a cancelled op, once
    somebody has cancelled it. Whoever calls it too rarely is interrupted in the middle."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    wish = _Wish(patience_seconds)
    before = {n: signal.signal(n, wish.on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish.check
        wish.check()  # it came after the last step: the run ends all the same
    finally:
        wish.forget()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Wish:
    """Somebody's wish that this ends. What was raised once is not raised again: whoever tidies up
    is left in peace."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._timer: threading.Timer | None = None
        self._is_raised = False

    def on_signal(self, _number: int, _frame: object) -> None:
        if self._is_raised:
            return
        if self._timer is not None:
            self._raise()
        self._timer = threading.Timer(self._patience_seconds, _interrupt)
        self._timer.daemon = True
        self._timer.start()

    def check(self) -> None:
        if self._timer is not None and not self._is_raised:
            self._raise()

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _raise(self) -> None:
        self._is_raised = True
        self.forget()
        raise DagsterExecutionInterruptedError


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
