"""`davylamp demo`: plane up, story, report, plane down."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Never

import typer
from rich.console import Console

from davylamp.errors import BadInput, Refused
from davylamp.settings import Settings, load_settings

if TYPE_CHECKING:
    from davylamp.cli.demo.acts import Act
    from davylamp.cli.demo.progress import Progress

_EMBEDDED = (
    "ledger_url",
    "dagster_storage_url",
    "registry_url",
    "envoy_url",
    "envoy_admin_url",
    "dagster_url",
    "platform_socket",
    "trusted_keys",
)
"""Settings that point at something real: the demonstration stays away from it."""


def demo(
    act: Annotated[
        str,
        typer.Option(
            help="releases: bad builds are taken back. schema: a column is renamed under load, "
            "and dropped. knight: a release skips the eighth server, and the audit names it."
        ),
    ] = "releases",
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything up, and say where it is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="Folder of its plane; by default <home>/demo.")
    ] = None,
    rate: Annotated[float, typer.Option(min=20, help="Users' requests a second.")] = 120.0,
    rows: Annotated[
        int, typer.Option(min=1_000, help="Orders to migrate, of the act schema.")
    ] = 500_000,
) -> None:
    """The whole story on a plane of its own: two bad builds taken back, a good one promoted.

    With `--act schema`: a column is renamed in two releases while users read and write it, and
    dropped once nobody needs it. With `--act knight`: one copy is left behind with an old build
    and a reused flag; the release is not called done, and the audit names the copy.
    """
    from davylamp.cli.demo.acts import act_named
    from davylamp.cli.demo.progress import Progress
    from davylamp.cli.output import emit

    chosen = act_named(act)
    settings = _demo_settings(home)
    console = Console(stderr=as_json)
    progress = Progress(console)
    with _plane(settings, progress, keep, chosen.parts):
        told = chosen.tell(settings, progress, rate, rows)
    emit(told.document, as_json, told.show)
    if keep:
        _say_where(settings, console, chosen)
    if told.wrong:
        raise Refused("the demonstration did not go as it should: " + "; ".join(told.wrong))


def _demo_settings(home: Path | None) -> Settings:
    """The settings with a home of the demonstration's own, and nothing that isn't embedded."""
    given = load_settings()
    real = [f"DAVYLAMP_{name.upper()}" for name in _EMBEDDED if getattr(given, name)]
    if real:
        raise BadInput(
            f"{', '.join(real)}: set, and the demonstration runs on a plane of its own only; "
            "unset it (in the environment, or in davylamp.toml) and try again"
        )
    return load_settings(home=(home or given.home / "demo").absolute())


@contextmanager
def _plane(
    settings: Settings, progress: Progress, keep: bool, parts: tuple[str, ...]
) -> Generator[None]:
    """The plane in a fresh home, until the block ends (and longer with `keep`)."""
    from davylamp.cli.demo.fresh_home import make_fresh
    from davylamp.cli.demo.shop import images_folder
    from davylamp.plane.control import Wanted, bring_up, take_down
    from davylamp.plane.home import Home
    from davylamp.plane.status import PartStatus

    def tell(part: PartStatus) -> None:
        progress.say(f"  {part.name:<18} {part.state}  {part.address}", "dim")

    images_folder(settings)
    make_fresh(Home.of(settings))
    progress.say("the plane starts")
    # A polite kill of the demonstration must not leave a plane behind.
    signal.signal(signal.SIGTERM, _end)
    bring_up(settings, Wanted(parts), tell)
    try:
        yield
    finally:
        if not keep:
            progress.say("the plane goes down")
            take_down(settings)


def _end(*_: object) -> Never:
    sys.exit(143)


def _say_where(settings: Settings, console: Console, act: Act) -> None:
    from davylamp.plane.layout import DAGSTER

    found = settings.addresses()
    up = f" Dagster: {found.dagster_url}" if set(DAGSTER) <= set(act.parts) else ""
    curl = act.curl.format(found.envoy_url)
    for line in (
        f"Everything stays up.{up}",
        f"Shop, behind Envoy: curl {curl}",
        f"Envoy's own statistics: {found.envoy_admin_url}",
        f"`DAVYLAMP_HOME={settings.home} davylamp status` shows it, `… down` ends it.",
    ):
        console.print(line, highlight=False)
