"""Hurry: a release's minutes pass as fast as they can be computed.

The engine waits by asking the clock and sleeping. Here the clock stands still while somebody works,
and whoever sleeps moves it on: then the world acts that would have acted meanwhile. All that the
engine does is done, tick by tick, with its real code and a real ledger; only nobody waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from davylamp.rollout.conduct import confirm, copies, hold_of_route, promote, steps, vigil, watch
from davylamp.rollout.conduct.watch import Watcher

_WAITING = (confirm, copies, hold_of_route, promote, vigil, watch)
"""Modules of the engine that wait."""


class HurriedClock:
    """Stands in for the module `time`, as far as the engine uses it while it waits."""

    def __init__(self, meanwhile: Callable[[float], None]) -> None:
        """`meanwhile` is called with each nap's end (Unix seconds)."""
        self._meanwhile = meanwhile
        self.cpu_seconds_meanwhile = 0.0
        self._at = time.time()
        self._apart = time.monotonic() - self._at

    def time(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return self._at + self._apart

    def sleep(self, seconds: float) -> None:
        self._at += seconds
        before = time.process_time()
        self._meanwhile(self._at)
        self.cpu_seconds_meanwhile += time.process_time() - before


class _AtOnce(Executor):
    """Does what it is given before it goes on: nothing is drawn while the clock stands still."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            done.set_exception(error)
        return done


@contextmanager
def hurried(clock: HurriedClock, *, in_dagster: bool = False) -> Generator[None]:
    """Within this block releases go by `clock`."""

    class HurriedWatcher(Watcher):
        def __post_init__(self) -> None:
            self._began = self._last_signal = clock.monotonic()
            self._began_at = clock.time()
            super().__post_init__()

    with ExitStack() as stack:
        for module in _WAITING:
            stack.enter_context(patch.object(module, "time", clock))
        stack.enter_context(patch.object(steps, "Watcher", HurriedWatcher))
        if in_dagster:
            from release_defs.ops import live

            drawing = partial(live.Live, clock=clock.monotonic, _thread=_AtOnce())
            stack.enter_context(patch.object(live, "Live", drawing))
        yield
