"""Reading a release's story from the ledger, and drawing it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, select

from davylamp.errors import DavylampError
from davylamp.judge.sample import Role, Series
from davylamp.ledger import builds, evidence, releases
from davylamp.ledger.models import SchemaEventRow
from davylamp.ledger.releases import Event, Release
from davylamp.ledger.schema import SchemaEvent
from davylamp.ledger.session import Ledger
from davylamp.report.gallery import Gallery
from davylamp.report.page import Picture
from davylamp.report.plots.panels import draw_panels
from davylamp.report.plots.scene import Scene
from davylamp.report.recall import deciding, recalled
from davylamp.report.release_story import Cost, ReleaseStory
from davylamp.rollout.entry import databases_of, entry_of
from davylamp.rollout.reachability import Reach
from davylamp.rollout.way_back import Looks, way_back
from davylamp.settings import Settings

_MOST_EVENTS = 200
_TICK_SECONDS = 1.0


def read_story(
    ledger: Ledger, settings: Settings, release_id: int, scene: Scene | None = None
) -> ReleaseStory:
    """Everything that is told of a release. `scene`: how it went, where that was read already.

    Raises `BadInput` for a release the ledger doesn't have, `Unreachable`. What else can't be had
    (samples that were pruned, a database that doesn't answer) is told as missing.
    """
    with ledger.begin() as db:
        release = releases.get_release(db, release_id)
        events = releases.events_of(db, release_id)
        documents = evidence.verdicts_of(db, release_id)
        build = builds.build_of(db, release.service, release.digest or "")
        before = builds.build_of(db, release.service, release.stable_digest or "")
        schema = _schema_work(db, release_id)
        now = releases.database_now(db)
    document = deciding(documents)
    scene, no_pictures = (scene, "") if scene else _scene(ledger, release)
    back, no_back = _way_back(ledger, settings, release)
    return ReleaseStory(
        release=release,
        told_at=now,
        events=events[-_MOST_EVENTS:],
        verdict=recalled(document) if document else None,
        cost=_cost(release, events, scene, now),
        build=build,
        stable_before=before,
        schema=schema,
        back=back,
        no_way_back_known=no_back,
        pictures=_pictures(scene) if scene else (),
        no_pictures=no_pictures,
    )


def _schema_work(db: Connection, release_id: int) -> list[SchemaEvent]:
    query = select(SchemaEventRow).where(SchemaEventRow.by == f"release {release_id}")
    rows = db.execute(query.order_by(SchemaEventRow.id).limit(_MOST_EVENTS))
    return [SchemaEvent(**row._mapping) for row in rows]  # pyright: ignore[reportPrivateUsage]


def _scene(ledger: Ledger, release: Release) -> tuple[Scene | None, str]:
    """How the release went; or why that can't be shown."""
    if release.traffic_at is None:
        return None, "no user met the candidate"
    try:
        scene = Gallery.of(ledger, release.id, entry_of(release)).scene()
    except (DavylampError, ValueError, TypeError, KeyError, IndexError) as error:
        return None, f"it can't be drawn: {error}"
    if scene.is_empty:
        return None, "its samples are gone, or there never were any; the verdict has its figures"
    return scene, ""


def _pictures(scene: Scene) -> list[Picture]:
    return [Picture(one.name, one.alt, one.png, one.width) for one in draw_panels(scene)]


def _way_back(
    ledger: Ledger, settings: Settings, release: Release
) -> tuple[tuple[Reach, ...], str]:
    try:
        return way_back(Looks(settings, ledger), release.service, databases_of(release)), ""
    except (DavylampError, ValueError, TypeError, KeyError) as error:
        return (), str(error)


def _cost(release: Release, events: list[Event], scene: Scene | None, now: datetime) -> Cost:
    figures = release.figures or {}

    def figure(name: str) -> int | None:
        value = figures.get(name)
        return None if value is None else round(float(value))

    exposed = None
    if scene is not None and release.traffic_at is not None and release.stable_digest:
        until = release.decided_at or release.ended_at or now
        exposed = requests_between(scene.sides, release.traffic_at, until)
    return Cost(
        candidate_requests=figure("candidate_requests"),
        candidate_failed=figure("candidate_failed"),
        baseline_requests=figure("baseline_requests"),
        baseline_failed=figure("baseline_failed"),
        requests_exposed=exposed,
    )


def requests_between(sides: Mapping[Role, Series], since: datetime, until: datetime) -> int | None:
    """Attempts of all sides that ended between two moments, to a tick; None where stable's were
    not counted: most users are there."""
    if not len(sides.get(Role.STABLE, ())):
        return None
    total = 0.0
    for one in sides.values():
        inside = (one.at > since.timestamp()) & (one.at <= until.timestamp() + _TICK_SECONDS)
        total += float(np.nansum(one.completed[inside]))
    return round(total) if math.isfinite(total) else None
