"""The supervisor (`python -m davylamp.plane.supervisor`): one process that owns the plane.

It starts every part, starts again what dies, serves its socket, and ends everything it has
started before it ends itself. Started by `davylamp up`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from davylamp.errors import DavylampError, Refused, Unreachable
from davylamp.plane import janitor
from davylamp.plane.children import Children, kill
from davylamp.plane.copies import Copies
from davylamp.plane.health import Health
from davylamp.plane.home import Home
from davylamp.plane.keys import ensure_keys
from davylamp.plane.layout import (
    Elsewhere,
    Site,
    addresses,
    addresses_to_write,
    check_names,
    lay_out,
)
from davylamp.plane.leftovers import MARKER, Recorded, sweep, write_record
from davylamp.plane.lock import sign_lock, take_lock
from davylamp.plane.ports import choose_ports
from davylamp.plane.processes import Process, descendants, now, snapshot, usage_by_session
from davylamp.plane.server import serve
from davylamp.plane.spawn import adopt_orphans
from davylamp.plane.status import PartStatus, PlaneStatus, plane_status
from davylamp.plane.undertaker import Undertaker
from davylamp.plane.watch import State, Watch
from davylamp.settings import Settings, load_settings, write_addresses

_LOCK_SECONDS = 20.0
"""How long a former supervisor's undertaker may take to sweep."""
_COPY_GRACE_SECONDS = 10.0
_STRAGGLER_SECONDS = 45.0
"""How long a release run may take to go back to stable when the plane goes down."""
# the standard library's: it survives a full disk, where printing would raise
_log = logging.getLogger("davylamp.plane")


class Supervisor:
    """Owns the plane for as long as `run` runs."""

    def __init__(self, site: Site, undertaker_pid: int) -> None:
        self.site = site
        self.copies: Copies
        self._undertaker_pid = undertaker_pid
        self._since: datetime = now()
        self._children = Children(self._record)
        self._watches: dict[str, Watch] = {}
        self._elsewhere: dict[str, Elsewhere] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over = asyncio.Event()
        self._end: asyncio.Task[list[str]] | None = None

    async def run(self, names: tuple[str, ...]) -> None:
        """Until SIGTERM, SIGINT or `POST /shutdown`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.begin_shutdown)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        health = Health()
        known = addresses(self.site)
        self.copies = Copies(self.site.home, self._children, health, lambda: known.registry_url)
        self._background("reaper", self._children.reap_forever())
        self._background("saver", self.copies.save_forever())
        self._background("janitor", janitor.clean_forever(self.site.home, self.copies))
        self.add(names)
        write_addresses(self.site.settings.addresses_file, addresses_to_write(self.site))
        self.copies.restore()
        async with serve(self, self.site.home.socket):
            await self._over.wait()
        await health.close()

    def add(self, names: tuple[str, ...]) -> None:
        """Start the named parts that aren't there yet."""
        self.check_staying()
        check_names(names)
        layout = lay_out(self.site, tuple(n for n in names if n not in self._watches))
        self._elsewhere.update({part.name: part for part in layout.elsewhere})
        for part in layout.components:
            self._watches[part.name] = Watch(part, self._children, lambda: self._watches)
        for part in layout.components:
            self._background(part.name, self._watches[part.name].run())

    def status(self) -> PlaneStatus:
        processes = snapshot()
        usage, own = usage_by_session(processes), processes.get(os.getpid())
        outside = [
            PartStatus(part.name, "external", part.address, reason=part.why)
            for part in self._elsewhere.values()
        ]
        parts = [_part_status(watch) for watch in self._watches.values()]
        used = [
            replace(part, memory_bytes=of.memory_bytes, cpu_seconds=of.cpu_seconds)
            if (of := usage.get(part.pid))
            else part
            for part in parts
        ]
        return PlaneStatus(
            str(self.site.home.folder),
            is_up=True,
            pid=os.getpid(),
            since=self._since,
            is_going_down=self._end is not None,
            memory_bytes=own.memory_bytes if own else 0,
            parts=(*outside, *used),
            instances=tuple(self.copies.instances()),
        )

    def check_staying(self) -> None:
        """Nothing is started any more once the plane is going down."""
        if self._end is not None:
            raise Unreachable("the embedded plane is going down: wait for it, then `davylamp up`")

    def begin_shutdown(self) -> asyncio.Task[list[str]]:
        """End everything, in reverse order; once, however often it is asked for. The task's
        result names what had to be killed."""
        if self._end is None:
            self._end = asyncio.create_task(self._shut_down(), name="shutdown")
            self._end.add_done_callback(lambda _: self._over.set())
        return self._end

    async def _shut_down(self) -> list[str]:
        """Release runs first, while they can still go back to stable; then the services."""
        _log.info("going down")
        backwards = list(reversed(self._watches.values()))
        killed: list[str] = []
        for watch in backwards:
            if watch.component.keeps_stragglers:
                killed += await self._end_part(watch)
                killed += await self._end_stragglers()
        killed += await self.copies.end_all(_COPY_GRACE_SECONDS)
        for watch in backwards:
            if not watch.component.keeps_stragglers:
                killed += await self._end_part(watch)
        self._kill_rest()
        self.site.settings.addresses_file.unlink(missing_ok=True)
        _log.info("down; killed: %s", killed or "nothing")
        return killed

    async def _end_part(self, watch: Watch) -> list[str]:
        name = watch.component.name
        task = self._tasks[name]
        task.cancel()
        await asyncio.wait([task])
        return [name] if await watch.end() else []

    async def _end_stragglers(self) -> list[str]:
        """Runs of Dagster whose launcher has ended: asked to end while there is a ledger."""
        found = self._strangers()
        for process in found:
            _signal(process, signal.SIGTERM)
        until = asyncio.get_running_loop().time() + _STRAGGLER_SECONDS
        while found and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.05)
            found = self._strangers()
        self._kill_rest(found)
        return [f"process {process.pid}" for process in found]

    def _strangers(self) -> list[Process]:
        """What lives below us and belongs to no child that still runs."""
        sessions = {child.pid for child in self._children.running()}
        ours = {self._undertaker_pid, *sessions}
        everything = snapshot()
        kept = {p.pid for pid in ours for p in descendants(pid, everything)} | ours
        below = descendants(os.getpid(), everything)
        return [p for p in below if p.pid not in kept and p.session not in ours and not p.is_zombie]

    def _kill_rest(self, rest: list[Process] | None = None) -> None:
        for process in self._strangers() if rest is None else rest:
            kill(process)

    def _background(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report_failure)
        self._tasks[name] = task

    def _record(self) -> None:
        children = self._children.running()
        recorded = [Recorded(c.name, c.identity, int(c.stop_signal)) for c in children]
        try:
            write_record(self.site.home.record, recorded)
        except OSError as error:  # a full disk; the marker finds them all the same
            _log.warning("the record of processes could not be written: %s", error)


def _part_status(watch: Watch) -> PartStatus:
    child = watch.child
    runs = child is not None and not child.exited.done()
    return PartStatus(
        name=watch.component.name,
        state=watch.state,
        address=watch.component.address if watch.state is State.READY else "",
        since=watch.since,
        pid=child.pid if child is not None and runs else 0,
        restarts=watch.restarts,
        reason=watch.reason,
        log=str(watch.component.log),
    )


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def _report_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s failed", task.get_name(), exc_info=task.exception())


def main() -> None:
    """Become the supervisor, unless there is one."""
    arguments = _parse(sys.argv[1:])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    _log.setLevel(logging.INFO)
    try:
        settings = load_settings()
        home = Home.of(settings)
        home.make()
        lock = _lock(settings, home)
        if lock is None:
            return
        sign_lock(lock)
        for line in sweep(home.folder, home.record):
            _log.warning("ended a leftover: %s", line)
        ensure_keys(settings)
        adopt_orphans()
        undertaker = Undertaker(home.folder, home.record)
        os.environ[MARKER] = str(home.folder)
        ports = choose_ports(home.ports, any_port=arguments.any_port)
        site = Site(settings, home, ports, Path.cwd(), fast=arguments.fast)
        asyncio.run(_supervise(site, undertaker.pid, tuple(arguments.parts)))
        undertaker.dismiss()
    except DavylampError as error:
        sys.stderr.write(f"davylamp: {error}\n")
        sys.exit(error.exit_code)


def _lock(settings: Settings, home: Home) -> int | None:
    """The plane's lock; None when another supervisor was faster. Waits for an undertaker."""
    until = time.monotonic() + _LOCK_SECONDS
    while time.monotonic() < until:
        lock = take_lock(home.lock, 0.2)
        if lock is not None:
            return lock
        if plane_status(settings, seconds=1.0).is_up:
            return None
    raise Refused(f"another supervisor holds {home.lock}: `davylamp down` ends it")


async def _supervise(site: Site, undertaker_pid: int, names: tuple[str, ...]) -> None:
    await Supervisor(site, undertaker_pid).run(names)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="davylamp.plane.supervisor")
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--any-port", action="store_true")
    parser.add_argument("--fast", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
