"""A release's page and its service's history, written when it has ended. Never in its way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import dagster as dg

from assets.live_version import services
from assets.release_history import History, materialization, read_history
from release_defs.ops.harmless import complain, harmless
from release_defs.ops.metadata import Metadata

if TYPE_CHECKING:
    from pathlib import Path

    from davylamp.ledger.releases import Release
    from davylamp.report.plots.scene import Scene
    from davylamp.rollout.parts import Parts

PATIENCE_SECONDS = 10.0
"""How long a run waits for its page. The release has ended by then, whatever comes of it."""


def report_end(
    context: dg.OpExecutionContext,
    parts: Parts,
    release: Release,
    scene: Scene | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Metadata:
    """Where the page is; nothing where there is none. What goes wrong is logged."""
    if not release.state.is_end:
        return {}
    work = _Writing(parts, release, scene)
    with harmless(context):
        work.start()
        work.join(patience_seconds)
        if work.is_alive():
            complain(context, TimeoutError(f"its page took more than {patience_seconds:g} s"))
            return {}
        for error in work.errors:
            complain(context, error)
        if work.history is not None:
            context.instance.add_dynamic_partitions(services.name, [release.service])
            context.log_event(materialization(work.history))
        if work.file is not None:
            return {"page": dg.MetadataValue.path(str(work.file))}
    return {}


class _Writing(threading.Thread):
    """A daemon: a run that has waited long enough ends without it."""

    def __init__(self, parts: Parts, release: Release, scene: Scene | None) -> None:
        super().__init__(name="page of a release", daemon=True)
        self._parts, self._release, self._scene = parts, release, scene
        self.file: Path | None = None
        self.history: History | None = None
        self.errors: list[Exception] = []

    def run(self) -> None:
        for write in (self._write_page, self._read_history):
            try:
                write()
            except Exception as error:  # noqa: BLE001 - it is told by who waits
                self.errors.append(error)

    def _read_history(self) -> None:
        parts = self._parts
        self.history = read_history(parts.ledger, parts.settings, self._release.service)

    def _write_page(self) -> None:
        from davylamp.report.files import write_release_page

        ledger, settings = self._parts.ledger, self._parts.settings
        if settings.report_pages:
            self.file = write_release_page(ledger, settings, self._release.id, self._scene)
