"""Live: a release under way, shown in its run's event log and on the asset `verdict`.

An op's output has metadata only at its end, and a release takes minutes. What is drawn is drawn
beside the release, in a thread of its own: no tick of the judge waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from assets.verdict import observation
from release_defs.ops.harmless import complain, harmless
from release_defs.ops.metadata import Metadata, figures_of_verdict, plots_of, table_of_verdict
from release_defs.ops.rhythm import Rhythm

if TYPE_CHECKING:
    from davylamp.judge.verdict import Verdict
    from davylamp.rollout.conduct import Conduct, Tick

_PATIENCE_SECONDS = 10.0
"""How long figures wait for their picture; then they are shown without."""
_LAST_SECONDS = 4.0
"""How long the end of an op waits for the last picture."""

Paint = Callable[[], bytes]


@contextmanager
def showing(context: dg.OpExecutionContext, conduct: Conduct) -> Iterator[Live]:
    """Show the release until the op ends."""
    every = conduct.session.parts.settings.show_seconds
    live = Live(context, conduct.session.service.name, painter_of(conduct), every)
    try:
        yield live
    finally:
        live.close()


def painter_of(conduct: Conduct) -> Paint:
    """Draws the release as it is, and remembers what it has read. Nothing is imported or opened
    before it is called: what fails in here fails there."""
    session, found = conduct.session, []

    def paint() -> bytes:
        from davylamp.report.gallery import Gallery
        from davylamp.report.plots import draw

        if not found:
            found.append(Gallery.of(session.parts.ledger, conduct.release_id, session.service))
        return draw(found[0].scene())

    return paint


@dataclass(frozen=True)
class _Pending:
    tick: Tick
    since: float
    picture: Future[bytes]


@dataclass
class Live:
    """Called with every tick. Whatever goes wrong in here is logged, and never ends a release."""

    context: dg.OpExecutionContext
    service: str
    paint: Paint
    every_seconds: float
    clock: Callable[[], float] = time.monotonic
    verdict: Verdict | None = None
    """The last one said."""
    _pending: _Pending | None = None
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="painter")
    )

    def __post_init__(self) -> None:
        self._rhythm = Rhythm(self.every_seconds, self.clock())

    def __call__(self, tick: Tick) -> None:
        self.verdict = tick.verdict
        with harmless(self.context):
            if self.every_seconds > 0:
                self._show(tick, self.clock())

    def last_picture(self) -> Metadata:
        """The release as it is now; nothing where that can't be drawn, or not in time."""
        if self.verdict is None:
            return {}
        with harmless(self.context):
            last = self._thread.submit(self.paint)
            wait([last], _LAST_SECONDS)
            return self._drawn(last)
        return {}

    def close(self) -> None:
        """Nothing waits for a picture that is still being drawn."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _show(self, tick: Tick, now: float) -> None:
        """Begin a picture when one is due; tell what was said then as soon as it is drawn."""
        if self._pending is not None:
            if not self._is_ready(self._pending, now):
                return
            pending, self._pending = self._pending, None
            self._tell(pending)
        said = (tick.progress.phase, tick.progress.step, tick.verdict.outcome, tick.verdict.against)
        if self._rhythm.is_due(now, said):
            self._rhythm.note(now, said)
            self._pending = _Pending(tick, now, self._thread.submit(self.paint))

    def _is_ready(self, pending: _Pending, now: float) -> bool:
        return pending.picture.done() or now - pending.since >= _PATIENCE_SECONDS

    def _tell(self, pending: _Pending) -> None:
        tick = pending.tick
        metadata = figures_of_verdict(tick.verdict) | {
            "users on the candidate %": round(100 * tick.share, 1),
            "phase": str(tick.progress.phase),
            "decision": str(tick.decision.move),
        }
        metadata |= table_of_verdict(tick.verdict) | self._drawn(pending.picture)
        self.context.log_event(observation(self.service, tick.verdict.headline, metadata))

    def _drawn(self, picture: Future[bytes]) -> Metadata:
        if picture.cancel() or not picture.done():
            complain(self.context, TimeoutError("its picture was not drawn in time"))
            return {}
        with harmless(self.context):
            return plots_of(picture.result())
        return {}
