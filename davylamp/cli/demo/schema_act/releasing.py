"""Releasing a build of the act from this process, with its news printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.follow import News, look
from davylamp.cli.demo.progress import Progress
from davylamp.cli.demo.schema_act.telling import Telling
from davylamp.errors import DavylampError
from davylamp.ledger.releases import Release
from davylamp.rollout.conduct import Conduct, Tick
from davylamp.rollout.drive import drive
from davylamp.rollout.parts import Parts
from davylamp.rollout.schema_work import Listener

BY = "the demonstration"


@dataclass
class Following:
    """Tells what the ledger has new of a release, whenever it is asked."""

    parts: Parts
    service: str
    pushed: PushedImage
    lines: Progress
    _told: News | None = field(default=None)

    def look(self, _: object = None) -> None:
        _release, news = look(self.parts.ledger, self.service, self.pushed)
        if news is not None and news != self._told:
            self.lines.tell(f"{self.service} {self.pushed.version}", news)
            self._told = news


def conduct_release(
    parts: Parts, service: str, pushed: PushedImage, lines: Progress, telling: Telling
) -> Release:
    """Conduct it to its end, as `davylamp release --here` does. A refusal is an end too."""
    conduct = Conduct.open(
        parts,
        service=service,
        image=f"{pushed.version}@{pushed.digest}",
        requested_by=BY,
    )
    following = Following(parts, service, pushed, lines)
    own = telling.listener()

    def on_step(step: object) -> None:
        following.look()
        own.on_step(step)  # pyright: ignore[reportArgumentType]

    def on_tick(_: Tick) -> None:
        following.look()

    try:
        drive(conduct, on_tick, Listener(on_step, own.on_progress, own.on_look))
    except DavylampError:
        if not conduct.release().state.is_end:
            raise
    following.look()
    return conduct.release()
