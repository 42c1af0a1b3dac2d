"""`new_image`: a new version in a registry becomes a release, once."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine
from sensors.kept_catalog import catalog_of
from sensors.names import NEW_IMAGE, RELEASE_JOB, SERVICE_TAG, release_run
from sensors.seen import dump_seen, load_seen

if TYPE_CHECKING:
    from davylamp.catalog.model import Catalog
    from sensors.look import Look, News

MOST_RUNS = 25
"""A tick submits its runs one after another; the rest waits for the next one."""
_MOST_TOLD = 3


@dg.sensor(
    job_name=RELEASE_JOB,
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Looks at every repository of the catalog. The newest version that is newer than the "
        "newest seen is released; a tag that was moved to another digest is not."
    ),
)
def new_image(
    context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]
) -> dg.SensorResult | dg.SkipReason:
    from sensors.look import look

    seen = load_seen(context.cursor)
    stable = _StableDigests(engine)
    try:
        frozen, open_to_news = _apart(engine)
        found = look(engine.settings(), open_to_news, seen, stable, MOST_RUNS)
    except DavylampError as error:
        return dg.SkipReason(f"no registry was looked at: {error}")
    found.seen |= {name: one for name, one in seen.items() if name in frozen}
    for line in found.remarks:
        context.log.warning(line)
    requests = [_run_request(news) for news in found.news]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else _why_nothing(found),
        cursor=dump_seen(found.seen),
    )


def _apart(engine: Engine) -> "tuple[set[str], Catalog]":
    """Frozen services, and a catalog of the others: what is pushed in a freeze is news after it."""
    from davylamp.ledger.inventory import live_services

    catalog = catalog_of(engine)
    with engine.ledger() as ledger, ledger.begin() as db:
        frozen = {name for name, live in live_services(db).items() if live.frozen_reason}
    others = {name: one for name, one in catalog.services.items() if name not in frozen}
    return frozen, catalog.model_copy(update={"services": others})


def _run_request(news: "News") -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{news.service}@{news.digest}",
        run_config=release_run(news.service, f"{news.tag}@{news.digest}", NEW_IMAGE),
        tags={SERVICE_TAG: news.service},
    )


def _why_nothing(found: "Look") -> str:
    told = [*found.remarks, *found.failures]
    if not told:
        return f"nothing new; services with a version: {len(found.seen)}"
    more = f" … and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return "; ".join(told[:_MOST_TOLD]) + more


class _StableDigests:
    """Service → stable digest, asked of the ledger only when a service is seen for the first
    time, and at most once a tick."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: Mapping[str, str] | None = None

    def __call__(self) -> Mapping[str, str]:
        from davylamp.ledger.inventory import live_services

        if self._found is None:
            with self._engine.ledger() as ledger, ledger.begin() as db:
                live = live_services(db)
            self._found = {name: one.stable_digest or "" for name, one in live.items()}
        return self._found
