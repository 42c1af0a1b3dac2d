"""`davylamp release`, `promote`, `hold`, `freeze`, `thaw`, `forgive`."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer
from rich.console import Console

from davylamp.builds.digest import check_digest, parse_image
from davylamp.builds.open import open_registry
from davylamp.catalog.load import load_catalog
from davylamp.cli.follow import follow_release, follow_request
from davylamp.cli.output import emit
from davylamp.errors import BadInput
from davylamp.ledger import evidence, inventory, releases
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.rollout import operate
from davylamp.settings import Settings, load_settings

Service = Annotated[str, typer.Argument(help="A service of the catalog.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def release(
    service: Service,
    image: Annotated[str, typer.Argument(help="Version, tag, or repository:tag or @digest.")],
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it has ended.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Conduct it in this process, without Dagster.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait at most (with --wait).")
    ] = 7200.0,
    as_json: AsJson = False,
) -> None:
    """Release an image: ask for it, and let a Dagster run conduct it."""
    settings = load_settings()
    digest = resolve_image(settings, service, image)
    if here:
        conduct_here(settings, service, image, as_json)
        return
    ledger = connect(settings)
    with ledger.begin() as db:
        live = inventory.live_service(db, service)
        active = releases.active_release(db, service)
    if live.stable_digest == digest and active is None:
        document = {"service": service, "outcome": "promoted", "reason": "it is live already"}
        emit(document, as_json, lambda c: c.print(f"{service} runs {image} already"))
        return
    if active is not None and active.digest == digest:
        _join(ledger, active, wait, timeout, as_json)
        return
    with ledger.begin() as db:
        request = evidence.ask_for_release(db, service, image, by=who())
    if wait:
        follow_request(ledger, request, timeout, as_json)
        return
    document = {"request": request, "service": service, "image": image}
    emit(document, as_json, lambda c: c.print(asked(request, service)))


def promote(service: Service, why: Why = "", as_json: AsJson = False) -> None:
    """Promote the active release at its next tick, unless it does gross harm."""
    ledger = connect_for(load_settings(), service)
    found = operate.promote(ledger, service, who(), why)
    document = {"service": service, "release": found.id, "wish": "promote"}
    emit(document, as_json, lambda c: c.print(f"release {found.id} will be promoted"))


def hold(service: Service, why: Why = "", as_json: AsJson = False) -> None:
    """Keep the active release where it is; silence until the deadline rolls it back."""
    ledger = connect_for(load_settings(), service)
    found = operate.hold(ledger, service, who(), why)
    document = {"service": service, "release": found.id, "wish": "hold"}
    emit(document, as_json, lambda c: c.print(f"release {found.id} will be held"))


def freeze(
    service: Service,
    why: Annotated[str, typer.Option("--why", help="The reason, shown to whoever tries.")],
    as_json: AsJson = False,
) -> None:
    """Let no release of a service begin."""
    load_catalog(load_settings().catalog).service(service)
    operate.freeze(connect(load_settings()), service, f"{why} ({who()})")
    emit({"service": service, "frozen": why}, as_json, lambda c: c.print(f"{service} is frozen"))


def thaw(service: Service, as_json: AsJson = False) -> None:
    """Let releases of a frozen service begin again."""
    load_catalog(load_settings().catalog).service(service)
    operate.freeze(connect(load_settings()), service, None)
    emit({"service": service, "frozen": None}, as_json, lambda c: c.print(f"{service} is free"))


def forgive(
    service: Service,
    digest: Annotated[str, typer.Argument(help="The build's digest, `sha256:…`.")],
    as_json: AsJson = False,
) -> None:
    """Let a build that was once taken back be released again."""
    operate.forgive(connect(load_settings()), service, check_digest(digest))
    document = {"service": service, "digest": digest}
    emit(document, as_json, lambda c: c.print(f"{digest[:19]} may be released again"))


def connect(settings: Settings) -> Ledger:
    return Ledger.connect(settings.require("ledger_url"))


def connect_for(settings: Settings, service: str) -> Ledger:
    """The ledger, for what is done to a service by hand. Raises `BadInput` for a service neither
    it nor the catalog has; what left the catalog, or a catalog nobody can read, keeps no release
    from being taken back."""
    ledger = connect(settings)
    with ledger.begin() as db:
        is_known = bool(releases.recent_releases(db, service, 1))
    if not is_known:
        load_catalog(settings.catalog).service(service)
    return ledger


def who() -> str:
    """Who acts, for the ledger: DAVYLAMP_ACTOR, else the user's name."""
    given = os.environ.get("DAVYLAMP_ACTOR")
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise BadInput("nobody knows who you are: set DAVYLAMP_ACTOR") from error


def resolve_image(settings: Settings, service: str, image: str) -> str:
    """The digest an image stands for. Raises `BadInput` for what the catalog or the registry
    doesn't have, before anybody is asked to release it."""
    entry = load_catalog(settings.catalog).service(service)
    reference = parse_image(image, default_repository=entry.image.repository)
    if reference.repository != entry.image.repository:
        raise BadInput(
            f"{image} is not an image of {service}: its catalog entry names "
            f"{entry.image.repository}"
        )
    registry = open_registry(entry.image.registry or settings.require("registry_url"))
    return registry.resolve(reference.repository, reference.wanted)


def _join(ledger: Ledger, active: Release, wait: bool, timeout: float, as_json: bool) -> None:
    """Somebody, or the sensor, was faster: that very build is being released."""
    if wait:
        follow_release(ledger, active.id, timeout, as_json)
        return
    document = {"release": active.id, "service": active.service, "state": active.state}
    line = f"release {active.id} is releasing it already: {active.state}"
    emit(document, as_json, lambda c: c.print(line))


def asked(request: int, service: str) -> str:
    """What comes next, for people."""
    return (
        f"request {request}: Dagster starts the release within seconds; "
        f"`davylamp status` follows {service}"
    )


def conduct_here(
    settings: Settings, service: str, image: str, as_json: bool, override: str | None = None
) -> None:
    """Conduct a release in this process. Exit 1 when it wasn't promoted."""
    from davylamp.cli.schema_bar import progress_bar
    from davylamp.rollout.conduct import Conduct  # loads the judge: a second that only this needs
    from davylamp.rollout.drive import drive
    from davylamp.rollout.parts import open_parts
    from davylamp.rollout.schema_work import Listener

    parts = open_parts(settings)
    conduct = Conduct.open(
        parts, service=service, image=image, requested_by=who(), override=override
    )
    with progress_bar() as on_progress:
        done = drive(conduct, tell=Listener(on_progress=on_progress))
    document = {"release": done.id, "outcome": done.state, "reason": done.reason}

    def human(console: Console) -> None:
        console.print(f"release {done.id} of {service}: [b]{done.state}[/b]: {done.reason}")

    emit(document, as_json, human)
    if done.state != "promoted":
        raise typer.Exit(1)
