"""Keeping one component up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from davylamp.plane.children import Child, Children
from davylamp.plane.component import BackOff, Component
from davylamp.plane.logs import last_line
from davylamp.plane.processes import now

_POLL_SECONDS = 0.05
_ASK_SECONDS = 1.0
_SILENT_SECONDS = 5.0
"""On a busy machine an answer may be late: that is no news yet."""


class State(StrEnum):
    WAITING = "waiting"
    """For what it depends on."""
    STARTING = "starting"
    READY = "ready"
    SILENT = "silent"
    """Runs, and has stopped answering; will be started again if that lasts."""
    DOWN = "down"
    """Died or never got ready; will be started again. `reason` says why."""


class Watch:
    """Starts a component, and starts it again when it dies. `run` until cancelled, then `end`."""

    def __init__(
        self, component: Component, children: Children, others: Callable[[], Mapping[str, Watch]]
    ) -> None:
        self.component = component
        self.state = State.WAITING
        self.reason = ""
        self.since: datetime | None = None
        self.restarts = 0
        self.child: Child | None = None
        self.is_ready = asyncio.Event()
        self._children = children
        self._others = others
        self._back_off = BackOff()

    async def run(self) -> None:
        await self._dependencies()
        deaths = 0
        while True:
            began = asyncio.get_running_loop().time()
            self.reason = await self._live() or self.reason
            stayed = asyncio.get_running_loop().time() - began
            deaths = 1 if stayed >= self._back_off.steady else deaths + 1
            self.state, self.since = State.DOWN, now()
            self.is_ready.clear()
            await asyncio.sleep(self._back_off.delay(deaths))
            self.restarts += 1

    async def end(self) -> bool:
        """True if it had to be killed."""
        self.is_ready.clear()
        if self.child is None:
            return False
        return await self._children.end(self.child, self.component.grace_seconds)

    async def _dependencies(self) -> None:
        for name in self.component.depends_on:
            other = self._others().get(name)
            if other is not None:
                await other.is_ready.wait()

    async def _live(self) -> str:
        """One life, from preparation to death; returns what ended it."""
        self.state, self.since = State.STARTING, now()
        part = self.component
        self.child = None
        try:
            await asyncio.to_thread(part.prepare)
            self.child = self._start()
            why = await self._become_ready(self.child)
        except Exception as error:  # noqa: BLE001 - whatever it met, it is tried again
            why = f"could not be started: {error}"
        if self.child is None:
            return why
        if why:
            await self._children.end(self.child, part.grace_seconds)
            return why
        why = await self._listen(self.child)
        if why:
            return why
        code = await asyncio.shield(self.child.exited)
        return describe_exit(code, last_line(part.log))

    async def _listen(self, child: Child) -> str:
        """Ask it again and again, if it is to answer, until it has ended (empty) or was ended
        (why)."""
        part, clock = self.component, asyncio.get_running_loop().time
        heard = clock()
        while part.silence_seconds and not child.exited.done():
            await asyncio.wait([child.exited], timeout=_ASK_SECONDS)
            if await part.probe.ready():
                heard = clock()
            self._show_silence(clock() - heard)
            if clock() - heard >= part.silence_seconds and not child.exited.done():
                await self._children.end(child, part.grace_seconds)
                return f"ran, but did not answer for {part.silence_seconds:g} s"
        return ""

    def _show_silence(self, seconds: float) -> None:
        is_silent = seconds >= min(_SILENT_SECONDS, self.component.silence_seconds)
        state = State.SILENT if is_silent else State.READY
        if state is not self.state:
            self.state, self.since = state, now()
        self.reason = f"runs, but has not answered for {seconds:.0f} s" if is_silent else ""

    def _start(self) -> Child:
        part = self.component
        return self._children.start(
            part.name,
            list(part.argv),
            env=part.env,
            cwd=part.cwd,
            log=part.log,
            stop_signal=part.stop_signal,
            death_signal=part.death_signal,
            keeps_stragglers=part.keeps_stragglers,
        )

    async def _become_ready(self, child: Child) -> str:
        """Empty when it is ready, else why it isn't."""
        part = self.component
        deadline = asyncio.get_running_loop().time() + part.ready_seconds
        while asyncio.get_running_loop().time() < deadline:
            ready = await part.probe.ready()
            if child.exited.done():
                return describe_exit(child.exited.result(), last_line(part.log))
            if ready:
                await asyncio.to_thread(part.settle)
                self.state, self.since, self.reason = State.READY, now(), ""
                self.is_ready.set()
                return ""
            await asyncio.sleep(_POLL_SECONDS)
        return f"not ready after {part.ready_seconds:g} s: {last_line(part.log)}"


def describe_exit(code: int, last_words: str, after: float | None = None) -> str:
    """How a process ended, as a verb phrase. `after` so many seconds, if that matters."""
    how = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
    when = "" if after is None else f" after {after:.1f} s"
    return f"{how}{when}: {last_words}" if last_words else f"{how}{when}"
