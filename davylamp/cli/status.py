"""`davylamp status`: the plane, the services, and the releases, in one look."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from davylamp.catalog.load import load_catalog
from davylamp.cli.output import emit
from davylamp.cli.plane import other_plane, plane_table
from davylamp.cli.status_pages import pages_in_words
from davylamp.errors import BadInput, Unreachable
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.instance import InstanceState
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.plane.status import PlaneStatus, plane_status
from davylamp.report.files import written_page
from davylamp.rollout.way_back import Looks, way_back
from davylamp.settings import Settings, load_settings


@dataclass(frozen=True)
class ServiceStatus:
    """One service at a glance. Shares in [0, 1]."""

    name: str
    version: str = ""
    digest: str = ""
    since: datetime | None = None
    ready: int = 0
    copies: int = 0
    builds: int = 0
    """How many different builds are running; more than one outside a release is skew."""
    candidate_share: float = 0.0
    release: int | None = None
    release_state: str = ""
    candidate_version: str = ""
    reason: str = ""
    frozen: str = ""
    back: tuple[dict[str, Any], ...] = ()
    """The builds it ran before, and what is in the way of going back to each."""


def status(
    service: Annotated[str, typer.Argument(help="Only this service, with its history.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What is up, what is live, and what is being released."""
    settings = load_settings()
    plane = plane_status(settings)
    ledger = _ledger(settings)
    if service:
        known_service(settings, service)
    if ledger is None:
        _emit_plane_only(plane, settings, as_json)
        raise typer.Exit(3)
    with ledger.begin() as db:
        services = [s for s in _services(db) if service in ("", s.name)]
        recent = releases.recent_releases(db, service, limit=10)
        verdict = evidence.last_verdict(db, recent[0].id) if service and recent else None
    services = with_way_back(settings, ledger, services)
    document: dict[str, Any] = {
        "plane": asdict(plane),
        "services": [asdict(s) for s in services],
        "releases": [_release_document(r, settings) for r in recent],
    }
    if verdict is not None:
        document["verdict"] = verdict

    def human(console: Console) -> None:
        if not service:
            console.print(plane_table(plane))
        console.print(_service_table(services))
        if service and services:
            console.print(back_table(services[0].back))
        console.print(_release_table(recent))
        if verdict is not None:
            console.print(f"last verdict: [b]{verdict['outcome']}[/b] {verdict['headline']}")
        for line in pages_in_words(settings, recent):
            console.print(line, highlight=False, markup=False)

    emit(document, as_json, human)


def _ledger(settings: Settings) -> Ledger | None:
    try:
        return Ledger.connect(settings.require("ledger_url"))
    except Unreachable:
        return None


def known_service(settings: Settings, name: str) -> None:
    """Raise `BadInput` for a service that the catalog does not have."""
    load_catalog(settings.catalog).service(name)


def _emit_plane_only(plane: PlaneStatus, settings: Settings, as_json: bool) -> None:
    def human(console: Console) -> None:
        console.print(plane_table(plane))
        where = other_plane(settings)
        console.print(
            where or "no ledger is known: start the plane with `davylamp up`", highlight=False
        )

    emit({"plane": asdict(plane), "services": [], "releases": []}, as_json, human)


def _services(db: Connection) -> list[ServiceStatus]:
    live = inventory.live_services(db)
    active = {r.service: r for r in releases.active_releases(db)}
    copies = inventory.instances_of(db)
    ready = Counter(i.service for i in copies if i.state is InstanceState.READY)
    digests = {(i.service, i.digest) for i in copies}
    found: list[ServiceStatus] = []
    for name in sorted(live | active):
        here, release = live.get(name, inventory.Live(name)), active.get(name)
        route = routes.read_route(db, name)
        found.append(
            ServiceStatus(
                name=name,
                version=here.stable_version or "",
                digest=here.stable_digest or "",
                since=here.stable_since,
                ready=ready[name],
                copies=sum(i.service == name for i in copies),
                builds=sum(service == name for service, _ in digests),
                candidate_share=route.candidate_share if route else 0.0,
                release=release.id if release else None,
                release_state=str(release.state) if release else "",
                candidate_version=(release.version or release.image) if release else "",
                reason=release.reason if release else "",
                frozen=here.frozen_reason or "",
            )
        )
    return found


def with_way_back(
    settings: Settings, ledger: Ledger, services: list[ServiceStatus]
) -> list[ServiceStatus]:
    """The same, with where each can go back to. Each database is looked at once."""
    looks = Looks(settings, ledger)
    try:
        catalog = load_catalog(settings.catalog).services
    except BadInput:
        catalog = {}
    found: list[ServiceStatus] = []
    for one in services:
        entry = catalog.get(one.name)
        reach = way_back(looks, one.name, entry.databases if entry else {})
        found.append(replace(one, back=tuple(r.document() for r in reach)))
    return found


def back_table(back: tuple[dict[str, Any], ...]) -> Table:
    table = _table("builds to go back to", "version", "digest", "now", "what is in the way")
    for one in back:
        why = "; ".join(block["why"] for block in one["blocks"])
        table.add_row(one["version"], one["digest"][7:15], "yes" if not why else "no", why)
    return table


def _service_table(services: list[ServiceStatus]) -> Table:
    table = _table("services", "service", "live", "since", "copies", "release", "share", "why")
    for s in services:
        now = f"{s.candidate_version} {s.release_state}" if s.release else s.frozen and "frozen"
        table.add_row(
            s.name,
            f"{s.version} {s.digest[7:15]}" if s.version else "nothing yet",
            _when(s.since),
            f"{s.ready}/{s.copies} ready" + (f", {s.builds} builds" if s.builds > 1 else ""),
            now or "",
            f"{s.candidate_share:.0%}" if s.release else "",
            s.reason or s.frozen,
        )
    return table


def _release_table(recent: list[Release]) -> Table:
    columns = ("id", "service", "version", "state", "when", "reason")
    table = _table("releases, newest first", *columns)
    for r in recent:
        table.add_row(
            str(r.id),
            r.service,
            r.version or r.image[:24],
            str(r.state),
            _when(r.ended_at or r.created_at),
            r.reason,
        )
    return table


def _table(title: str, *columns: str) -> Table:
    """Short columns stay on one line; the last, a sentence, takes the room that is left."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in columns[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(columns[-1], ratio=1, overflow="fold")
    return table


def _release_document(release: Release, settings: Settings) -> dict[str, Any]:
    page = written_page(settings, release.id)
    return asdict(release) | {"plan": None, "page": page.as_uri() if page else None}


def _when(moment: datetime | None) -> str:
    if moment is None:
        return ""
    here = moment.astimezone()
    is_today = here.date() == datetime.now().astimezone().date()
    return f"{here:%H:%M:%S}" if is_today else f"{here:%d %b %H:%M}"
