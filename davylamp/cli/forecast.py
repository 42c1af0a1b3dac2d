"""`davylamp forecast`: what bad deploys cost users in a year, and what would help most."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from davylamp.cli.output import emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.forecast.assumptions import Assumptions
    from davylamp.forecast.forecast import Forecast


class Strategy(StrEnum):
    ROLLING = "rolling"
    BLUE_GREEN = "blue_green"
    CANARY = "canary"


def forecast(
    deploys_per_day: Annotated[float, typer.Option(help="Of the whole fleet.")] = 1000.0,
    p_bad: Annotated[float, typer.Option(help="Probability that a deploy is bad.")] = 0.001,
    catch_rate: Annotated[
        float, typer.Option(help="Share of the bad ones that the canary catches.")
    ] = 0.95,
    fraction: Annotated[
        float, typer.Option(help="Share of users on the canary's first step.")
    ] = 0.05,
    users: Annotated[
        float, typer.Option(help="Users of the deployed service at any moment, on average.")
    ] = 10_000.0,
    detection_seconds: Annotated[
        float, typer.Option(help="Mean time until a bad canary is seen.")
    ] = 30.0,
    floor_seconds: Annotated[
        float, typer.Option(help="Of that, what more traffic doesn't shorten.")
    ] = 5.0,
    window_seconds: Annotated[
        float, typer.Option(help="How long a canary stays on its fraction.")
    ] = 600.0,
    human_seconds: Annotated[
        float, typer.Option(help="Mean time until people act on what wasn't caught.")
    ] = 2700.0,
    switch_seconds: Annotated[float, typer.Option(help="To bring users back by route.")] = 5.0,
    roll_seconds: Annotated[float, typer.Option(help="A rolling update, one way.")] = 900.0,
    harm_share: Annotated[
        float, typer.Option(help="Share of what users do on a bad build that is harmed.")
    ] = 1.0,
    search_share: Annotated[
        float, typer.Option(help="Share of people's time that goes into finding the change.")
    ] = 0.5,
    strategy: Annotated[Strategy, typer.Option(help="Whose levers to look at.")] = Strategy.CANARY,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Also with the fleet's own figures.")
    ] = False,
    days: Annotated[float, typer.Option(help="How far back in the ledger to look.")] = 90.0,
    years: Annotated[int, typer.Option(help="Years to simulate.", min=20, max=100_000)] = 2000,
    seed: Annotated[int, typer.Option(help="Of the dice.", min=0)] = 1,
    plot: Annotated[Path | None, typer.Option(help="Draw the years into this PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deploys × P(bad) × (1 − catch rate), and the harm of it by strategy. Exit 0 or 2.

    docs/forecast.md has the formulas and their sources.
    """
    from davylamp.cli.forecast_screen import show
    from davylamp.forecast.assumptions import Assumptions, WrongAssumption
    from davylamp.forecast.forecast import make_forecast

    if plot is not None and (plot.is_dir() or not plot.parent.is_dir()):
        raise BadInput(f"--plot {plot}: no file in a folder that exists; give a FILE.png")
    try:
        assumed = Assumptions(
            deploys_per_day=deploys_per_day,
            p_bad=p_bad,
            catch_rate=catch_rate,
            fraction=fraction,
            users=users,
            detection_seconds=detection_seconds,
            floor_seconds=min(floor_seconds, detection_seconds),
            window_seconds=window_seconds,
            human_seconds=human_seconds,
            switch_seconds=switch_seconds,
            roll_seconds=roll_seconds,
            harm_share=harm_share,
            search_share=search_share,
        )
        found = make_forecast(assumed, strategy.value, seed=seed, years=years)
        document = found.document()
        if from_ledger:
            document["from_ledger"] = _from_ledger(assumed, strategy.value, days, seed, years)
    except WrongAssumption as error:
        raise BadInput(f"--{error.field.replace('_', '-')} {error}") from error
    if plot is not None:
        _draw(found, plot)
    emit(document, as_json, lambda console: show(console, document))


def _from_ledger(
    assumed: Assumptions, strategy: str, days: float, seed: int, years: int
) -> dict[str, Any]:
    """The fleet's own figures, and the same forecast with those in place of the assumptions."""
    from davylamp.cli.forecast_ledger import believed, read_past
    from davylamp.forecast.forecast import make_forecast
    from davylamp.ledger.session import Ledger
    from davylamp.settings import load_settings

    if not 0 < days <= 36_500:
        raise BadInput(f"--days {days:g}: above 0 and up to 36500")
    ledger = Ledger.connect(load_settings().require("ledger_url"))
    try:
        past = read_past(ledger, days)
    finally:
        ledger.close()
    own, belief = believed(assumed, past)
    again = make_forecast(own, strategy, seed=seed, years=years, belief=belief)
    return {"figures": past.document(), "forecast": again.document()}


def _draw(found: Forecast, file: Path) -> None:
    from davylamp.cli.forecast_figure import draw

    try:
        draw(found, file)
    except OSError as error:
        raise BadInput(f"--plot {file}: cannot be written ({error.strerror})") from error
