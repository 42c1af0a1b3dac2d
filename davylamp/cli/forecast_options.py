"""The options of `davylamp forecast`. Those of the assumptions have the assumptions' names."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from davylamp.errors import BadInput
from davylamp.forecast.assumptions import Assumptions, WrongAssumption


class Strategy(StrEnum):
    ROLLING = "rolling"
    BLUE_GREEN = "blue_green"
    CANARY = "canary"


def _about(text: str) -> Any:
    return typer.Option(help=text)


DeploysPerDay = Annotated[float, _about("Of the whole fleet.")]
PBad = Annotated[float, _about("Probability that a deploy is bad.")]
CatchRate = Annotated[float, _about("Share of the bad ones that the canary catches.")]
Fraction = Annotated[float, _about("Share of users on the canary's first step.")]
Users = Annotated[float, _about("Users of the deployed service at any moment, on average.")]
Detection = Annotated[float, _about("Mean time until a bad canary is seen.")]
Floor = Annotated[float, _about("Of that, what more traffic doesn't shorten.")]
WindowSeconds = Annotated[float, _about("How long a canary stays on its fraction.")]
Human = Annotated[float, _about("Mean time until people act on what wasn't caught.")]
Switch = Annotated[float, _about("To bring users back by route.")]
Roll = Annotated[float, _about("A rolling update, one way.")]
HarmShare = Annotated[float, _about("Share of what users do on a bad build that is harmed.")]
SearchShare = Annotated[float, _about("Share of people's time that goes into finding the change.")]
Whose = Annotated[Strategy, _about("Whose levers to look at.")]
FromLedger = Annotated[
    bool, typer.Option("--from-ledger", help="Also with the fleet's own figures.")
]
Days = Annotated[float, _about("How far back in the ledger to look.")]
Years = Annotated[int, typer.Option(help="Years to simulate.", min=20, max=100_000)]
Seed = Annotated[int, typer.Option(help="Of the dice.", min=0)]
Plot = Annotated[Path | None, _about("Draw the years into this PNG.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def assumptions_of(options: Mapping[str, Any]) -> Assumptions:
    """From the options as they were given. What any detection takes is no longer than it takes."""
    given = {field.name: options[field.name] for field in fields(Assumptions)}
    given["floor_seconds"] = min(given["floor_seconds"], given["detection_seconds"])
    return Assumptions(**given)


@contextmanager
def naming_options() -> Generator[None]:
    """Turn an assumption that makes no sense into bad input that names its option."""
    try:
        yield
    except WrongAssumption as error:
        raise BadInput(f"--{error.field.replace('_', '-')} {error}") from error


def check_days(days: float) -> None:
    if not 0 < days <= 36_500:
        raise BadInput(f"--days {days:g}: above 0 and up to 36500")


def check_plot(plot: Path | None) -> None:
    if plot is not None and (plot.is_dir() or not plot.parent.is_dir()):
        raise BadInput(f"--plot {plot}: no file in a folder that exists; give a FILE.png")
