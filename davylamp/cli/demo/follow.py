"""Following a release from outside, as an operator would: by what the ledger says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.recorded import release_of
from davylamp.errors import Unreachable
from davylamp.ledger.evidence import last_verdict
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.ledger.routes import read_route
from davylamp.ledger.session import Ledger

_POLL_SECONDS = 0.3


_STABLE_ALREADY = (ReleaseState.CONFIRMING, ReleaseState.PROMOTED, ReleaseState.UNCONFIRMED)


@dataclass(frozen=True)
class News:
    """What is new of a release. The share is of users, in [0, 1]."""

    state: ReleaseState
    share: float
    reason: str
    verdict: str
    """The judge's last word in a sentence; empty before it said one."""


def follow(
    ledger: Ledger,
    service: str,
    pushed: PushedImage,
    *,
    seconds: float,
    on_news: Callable[[News], None],
) -> Release:
    """Wait for a pushed image's release to begin and to end. `on_news` hears each change.

    Raises `Unreachable` when it has not ended after `seconds`.
    """
    deadline = time.monotonic() + seconds
    told: News | None = None
    while True:
        release, news = look(ledger, service, pushed)
        if news is not None and news != told:
            on_news(news)
            told = news
        if release is not None and release.state.is_end:
            return release
        if time.monotonic() > deadline:
            raise Unreachable(_overdue(service, pushed, release, seconds))
        time.sleep(_POLL_SECONDS)


def look(ledger: Ledger, service: str, pushed: PushedImage) -> tuple[Release | None, News | None]:
    """A pushed image's release as it is now, and its news; None while none has begun."""
    with ledger.begin() as db:
        release = release_of(db, service, pushed)
        if release is None:
            return None, None
        route = read_route(db, service)
        verdict = last_verdict(db, release.id)
    share = route.candidate_share if route and route.release_id == release.id else 0.0
    if release.state in _STABLE_ALREADY:  # all users have it, as the stable build
        share = 1.0
    return release, News(
        release.state, share, release.reason, verdict["headline"] if verdict else ""
    )


def _overdue(service: str, pushed: PushedImage, release: Release | None, seconds: float) -> str:
    name = f"{service} {pushed.version}"
    if release is None:
        return (
            f"no release of {name} began within {seconds:.0f} s of its push: see in Dagster "
            "whether the sensor new_image runs"
        )
    return (
        f"release {release.id} of {name} has not ended after {seconds:.0f} s; it is "
        f"{release.state}: {release.reason}. `davylamp rollback {service}` ends it"
    )
