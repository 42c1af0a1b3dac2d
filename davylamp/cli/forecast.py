"""`davylamp forecast`: what bad deploys cost users in a year, and what would help most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from davylamp.cli import forecast_options as options
from davylamp.cli.output import emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.forecast.forecast import Forecast


def forecast(
    context: typer.Context,
    deploys_per_day: options.DeploysPerDay = 1000.0,
    p_bad: options.PBad = 0.001,
    catch_rate: options.CatchRate = 0.95,
    fraction: options.Fraction = 0.05,
    users: options.Users = 10_000.0,
    detection_seconds: options.Detection = 30.0,
    floor_seconds: options.Floor = 5.0,
    window_seconds: options.WindowSeconds = 600.0,
    human_seconds: options.Human = 2700.0,
    switch_seconds: options.Switch = 5.0,
    roll_seconds: options.Roll = 900.0,
    harm_share: options.HarmShare = 1.0,
    search_share: options.SearchShare = 0.5,
    strategy: options.Whose = options.Strategy.CANARY,
    from_ledger: options.FromLedger = False,
    days: options.Days = 90.0,
    years: options.Years = 2000,
    seed: options.Seed = 1,
    plot: options.Plot = None,
    as_json: options.AsJson = False,
) -> None:
    """Deploys × P(bad) × (1 − catch rate), and the harm of it by strategy. Exit 0 or 2; 3 without a
    ledger to read.

    docs/forecast.md has the formulas and their sources.
    """
    from davylamp.cli.forecast_screen import show
    from davylamp.forecast.forecast import make_forecast

    options.check_plot(plot)
    with options.naming_options():
        assumed = options.assumptions_of(context.params)
        found = make_forecast(assumed, strategy.value, seed=seed, years=years)
        document = found.document()
        if from_ledger:
            document["from_ledger"] = _from_ledger(found, days, years)
    if plot is not None:
        _draw(found, plot)
    emit(document, as_json, lambda console: show(console, document))


def _from_ledger(assumed: Forecast, days: float, years: int) -> dict[str, Any]:
    """The fleet's own figures, and the same forecast with those in place of the assumptions."""
    from davylamp.ledger.session import Ledger
    from davylamp.report.own_figures import own_forecast
    from davylamp.settings import load_settings

    options.check_days(days)
    ledger = Ledger.connect(load_settings().require("ledger_url"))
    try:
        past, again = own_forecast(ledger, assumed, days, years)
    finally:
        ledger.close()
    return {"figures": past.document(), "forecast": again.document()}


def _draw(found: Forecast, file: Path) -> None:
    from davylamp.report.plots.forecast_years import draw_forecast

    try:
        file.write_bytes(draw_forecast(found))
    except OSError as error:
        raise BadInput(f"--plot {file}: cannot be written ({error.strerror})") from error
