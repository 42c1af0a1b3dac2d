"""All copies of services: orders taken, kept on disk, carried out."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from davylamp.builds.digest import hex_of
from davylamp.builds.open import open_registry
from davylamp.builds.unpack import Rootfs, unpack
from davylamp.errors import BadInput, Refused, Unreachable
from davylamp.fleet.protocol import StartOrder
from davylamp.ledger.instance import Instance
from davylamp.plane.children import Children
from davylamp.plane.health import Health
from davylamp.plane.home import Home
from davylamp.plane.ports import free_port
from davylamp.plane.processes import snapshot, usage_by_session
from davylamp.plane.service_copy import CopyRecord, ServiceCopy

_RECORDS = TypeAdapter(list[CopyRecord])
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_SAVE_SECONDS = 0.1
_SAVE_AGAIN_SECONDS = 2.0
_UNPACKED_AT_ONCE = 2
_log = logging.getLogger("davylamp.plane")


class Copies:
    """The service processes of the plane. All methods belong to the event loop's thread."""

    def __init__(
        self, home: Home, children: Children, health: Health, registry_url: Callable[[], str]
    ) -> None:
        self.home = home
        self.children = children
        self.health = health
        self._registry_url = registry_url
        self._copies: dict[str, ServiceCopy] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._unpacking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(_UNPACKED_AT_ONCE)
        self._unsaved = asyncio.Event()

    def instances(self) -> list[Instance]:
        usage = usage_by_session(snapshot())
        return [copy.instance(usage) for copy in self._copies.values()]

    def digests(self) -> set[str]:
        return {copy.record.order.digest for copy in self._copies.values()}

    def start(self, order: StartOrder) -> None:
        """Start the copies that aren't there yet. On disk before this returns."""
        _check(order)
        new: list[CopyRecord] = []
        for one in order.ids:
            known = self._copies.get(one)
            if known is None:
                port = self._free_port({record.port for record in new})
                new.append(CopyRecord(one, replace(order, ids=(one,)), port))
            elif known.record.order.digest != order.digest:
                raise Refused(
                    f"copy {one} runs {known.record.order.digest} already: "
                    "give copies of another build other ids"
                )
        self._write_down(new)
        for record in new:
            self._add(record)

    async def stop(self, ids: tuple[str, ...], grace_seconds: float) -> list[str]:
        """End copies and forget them; returns those that had to be killed."""
        known = [one for one in dict.fromkeys(ids) if one in self._copies]
        killed = await asyncio.gather(*(self._end(one, grace_seconds) for one in known))
        for one in known:
            self._copies.pop(one, None)
        self._try_to_save()
        return [one for one, hard in zip(known, killed, strict=True) if hard]

    async def end_all(self, grace_seconds: float) -> list[str]:
        """End all processes, and remember the copies: they come back with the plane."""
        ids = list(self._copies)
        killed = await asyncio.gather(*(self._end(one, grace_seconds) for one in ids))
        return [one for one, hard in zip(ids, killed, strict=True) if hard]

    def restore(self) -> None:
        """Start what ran before the supervisor died, with the same ids and ports."""
        try:
            records = _RECORDS.validate_json(self.home.instances.read_bytes())
        except FileNotFoundError:
            return
        except ValidationError as error:
            aside = self.home.instances.with_suffix(".unreadable")
            self.home.instances.replace(aside)
            _log.error("copies are not restored, %s is unreadable: %s", aside, error)
            return
        for record in records:
            self._add(record)

    async def save_forever(self) -> None:
        while True:
            await self._unsaved.wait()
            await asyncio.sleep(_SAVE_SECONDS)
            if not self._try_to_save():
                await asyncio.sleep(_SAVE_AGAIN_SECONDS)

    def changed(self) -> None:
        self._unsaved.set()

    async def unpack(self, order: StartOrder) -> Rootfs:
        """The unpacked image. Copies of one build wait for each other, and unpack it once."""
        repository = order.image.rpartition("@")[0]
        async with self._unpacking[order.digest], self._room:
            return await asyncio.to_thread(
                _unpack,
                order.registry or self._registry_url(),
                repository,
                order.digest,
                self.home.images,
            )

    def _add(self, record: CopyRecord) -> None:
        copy = ServiceCopy(record, self)
        self._copies[record.id] = copy
        self._running[record.id] = asyncio.create_task(copy.run(), name=f"copy {record.id}")

    async def _end(self, one: str, grace_seconds: float) -> bool:
        copy, task = self._copies[one], self._running.pop(one, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        return await copy.end(grace_seconds)

    def _free_port(self, taken: set[int]) -> int:
        return free_port(taken | {copy.record.port for copy in self._copies.values()})

    def _write_down(self, new: list[CopyRecord]) -> None:
        try:
            self._save(new)
        except OSError as error:
            raise Unreachable(
                f"the order could not be written to {self.home.instances} ({error}), and nothing "
                "was started: make room there, and order again"
            ) from error

    def _try_to_save(self) -> bool:
        """A full disk ends nothing: it is tried again."""
        try:
            self._save()
        except OSError as error:
            _log.warning("%s could not be written: %s", self.home.instances, error)
            self._unsaved.set()
            return False
        return True

    def _save(self, new: Sequence[CopyRecord] = ()) -> None:
        self._unsaved.clear()
        file = self.home.instances
        temporary = file.with_name(f"{file.name}.new")
        records = [*(copy.record for copy in self._copies.values()), *new]
        temporary.write_bytes(_RECORDS.dump_json(records))
        temporary.replace(file)


def _unpack(registry_url: str, repository: str, digest: str, into: Path) -> Rootfs:
    with closing(open_registry(registry_url)) as registry:
        return unpack(registry, repository, digest, into)


def _check(order: StartOrder) -> None:
    wrong = [one for one in order.ids if not _ID.fullmatch(one)]
    if not order.ids or wrong:
        raise BadInput(f"ids {wrong}: expected letters, digits, `.`, `_`, `-`, and at least one id")
    hex_of(order.digest)
    if not order.image.endswith(f"@{order.digest}"):
        raise BadInput(
            f"image {order.image!r} does not end in the order's digest {order.digest}: "
            "write repository@digest"
        )
    if not order.health_path.startswith("/"):
        raise BadInput(f"health path {order.health_path!r} of {order.service} must begin with /")
