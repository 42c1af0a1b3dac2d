"""One copy of a service: unpacked, started, watched, started again when it dies."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from davylamp.builds.unpack import Rootfs
from davylamp.errors import DavylampError, Unreachable
from davylamp.fleet.protocol import StartOrder
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.plane.children import Child, Children
from davylamp.plane.component import BackOff
from davylamp.plane.health import Health
from davylamp.plane.home import Home
from davylamp.plane.launch import launch
from davylamp.plane.logs import last_line
from davylamp.plane.observed import observed_digest
from davylamp.plane.ports import HOST
from davylamp.plane.processes import Usage, now
from davylamp.plane.watch import describe_exit

DEATHS = 5
WINDOW_SECONDS = 60.0
"""So many deaths within that time are a crash loop."""


@dataclass(frozen=True)
class CopyRecord:
    """What has to be known to start a copy again after the supervisor died."""

    id: str
    order: StartOrder
    port: int
    was_ready: bool = False
    failed: str = ""
    """Why it failed; empty while it is to run."""
    restarts: int = 0


class Surroundings(Protocol):
    """What a copy needs from the plane."""

    home: Home
    children: Children
    health: Health

    async def unpack(self, order: StartOrder) -> Rootfs: ...

    def changed(self) -> None: ...


class ServiceCopy:
    """`run` until cancelled, then `end`."""

    def __init__(self, record: CopyRecord, around: Surroundings) -> None:
        self.record = record
        self._around = around
        self._child: Child | None = None
        self._ready = False
        self._started_at: datetime | None = None
        self._reason = ""
        self._back_off = BackOff()

    def instance(self, usage: dict[int, Usage]) -> Instance:
        record, pid = self.record, self._child.pid if self._is_running() and self._child else 0
        used = usage.get(pid) if pid else None
        return Instance(
            id=record.id,
            service=record.order.service,
            digest=self._digest(pid),
            role=record.order.role,
            release_id=record.order.release_id,
            state=self._state(),
            address=f"{HOST}:{record.port}",
            pid=pid,
            reason=record.failed or self._reason,
            started_at=self._started_at,
            restarts=record.restarts,
            cpu_seconds=used.cpu_seconds if used else None,
            memory_bytes=float(used.memory_bytes) if used else None,
        )

    async def run(self) -> None:
        if self.record.failed:
            return
        try:
            rootfs = await self._unpacked()
        except Exception as error:  # noqa: BLE001 - whatever an image contains, it ends in a reason
            self._fail(f"could not be unpacked: {error}")
            return
        deaths: deque[float] = deque(maxlen=DEATHS)
        while not self.record.failed:
            self._reason = await self._live(rootfs)
            self._judge_death(deaths)
            if not self.record.failed:
                await asyncio.sleep(self._back_off.delay(len(deaths)))
                self._note(restarts=self.record.restarts + 1)

    async def end(self, grace_seconds: float) -> bool:
        """True if it had to be killed."""
        self._ready = False
        if self._child is None:
            return False
        return await self._around.children.end(self._child, grace_seconds)

    async def _unpacked(self) -> Rootfs:
        """A registry that is starting up beside us gets until the copy's own deadline."""
        deadline = _clock() + self.record.order.start_seconds
        while True:
            try:
                return await self._around.unpack(self.record.order)
            except Unreachable:
                if _clock() > deadline:
                    raise
                await asyncio.sleep(1.0)

    async def _live(self, rootfs: Rootfs) -> str:
        """One life; returns how it ended."""
        record, home = self.record, self._around.home
        log = home.logs / "instances" / f"{record.id}.log"
        began = _clock()
        try:
            what = launch(rootfs, record.order, record.id, record.port, home.folder)
            self._child = self._around.children.start(
                f"{record.order.service} {record.id}",
                what.argv,
                env=what.env,
                cwd=what.cwd,
                log=log,
            )
        except (DavylampError, OSError) as error:
            return f"could not be started: {error}"
        self._started_at = now()
        why = await self._become_ready(self._child)
        if why:
            await self._around.children.end(self._child, 2.0)
            return why
        code = await asyncio.shield(self._child.exited)
        self._ready = False
        return f"{describe_exit(code, last_line(log), after=_clock() - began)}"

    async def _become_ready(self, child: Child) -> str:
        """Empty when it answers, else why it doesn't."""
        order, port = self.record.order, self.record.port
        log = self._around.home.logs / "instances" / f"{self.record.id}.log"
        began = _clock()
        answer = await until_answered(
            lambda: self._around.health.ask(port, order.health_path),
            child.exited.done,
            order.start_seconds,
        )
        if child.exited.done():
            return describe_exit(child.exited.result(), last_line(log), after=_clock() - began)
        if answer:
            return f"{answer} within {order.start_seconds:g} s"
        self._ready, self._reason = True, ""
        self._note(was_ready=True)
        return ""

    def _judge_death(self, deaths: deque[float]) -> None:
        deaths.append(_clock())
        while deaths[0] < deaths[-1] - WINDOW_SECONDS:
            deaths.popleft()
        if not self.record.was_ready:
            self._fail(self._reason)
        elif len(deaths) >= DEATHS:
            self._fail(
                f"crash loop: died {DEATHS} times within {WINDOW_SECONDS:g} s; "
                f"the last time it {self._reason}"
            )

    def _fail(self, why: str) -> None:
        self._note(failed=why)

    def _note(self, **changes: object) -> None:
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]
        self._around.changed()

    def _digest(self, pid: int) -> str:
        """What runs; while nothing does, what will."""
        found = observed_digest(pid, self._around.home.images) if pid else None
        return found or self.record.order.digest

    def _is_running(self) -> bool:
        return self._child is not None and not self._child.exited.done()

    def _state(self) -> InstanceState:
        if self.record.failed:
            return InstanceState.FAILED
        if self._ready and self._is_running():
            return InstanceState.READY
        return InstanceState.STARTING


async def until_answered(
    ask: Callable[[], Awaitable[str]], is_over: Callable[[], bool], seconds: float
) -> str:
    """Ask until the answer is good (empty), it is over, or time is up: then the last answer."""
    deadline = _clock() + seconds
    wait = 0.02
    answer = ""
    while _clock() < deadline and not is_over():
        answer = await ask()
        if not answer:
            return ""
        await asyncio.sleep(wait)
        wait = min(0.25, wait * 1.3)
    return answer or "was given no time to answer"


def _clock() -> float:
    return asyncio.get_running_loop().time()
