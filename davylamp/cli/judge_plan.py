"""`davylamp judge plan`: what the judge can see at a service's traffic, said beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.cli.output import emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.judge.planner import TrafficPlan


def plan(
    base_error_rate: Annotated[
        float, typer.Option(help="Share of requests that fail on a healthy build, as 0.001.")
    ],
    detect_error_rate: Annotated[
        float, typer.Option(help="Share of failing requests that has to be rolled back, as 0.05.")
    ],
    rps: Annotated[
        float | None,
        typer.Option(help="Requests/s of the whole service. Default: mean of --rps-by-hour."),
    ] = None,
    rps_by_hour: Annotated[
        Path | None,
        typer.Option(help="JSON list of 168 requests/s, Monday 00:00 first; null: not measured."),
    ] = None,
    window_seconds: Annotated[
        float, typer.Option(help="How long candidate and baseline stand side by side.")
    ] = 600.0,
    release_seconds: Annotated[
        float, typer.Option(help="The longest that the window may be made at low traffic.")
    ] = 1800.0,
    latency_factor: Annotated[
        float | None, typer.Option(help="Also: when are answers so many times as slow seen?")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw seconds to detection by error rate into this PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which fraction, window and strategy show a regression at a service's traffic.

    Simulates the judge itself on independent requests. Exit 0: an answer; 2: bad input.
    """
    from davylamp.cli.judge_plan_hours import read_hours
    from davylamp.cli.judge_plan_table import show
    from davylamp.judge.plan_document import document_of
    from davylamp.judge.plan_objective import Objective, WrongObjective
    from davylamp.judge.planner import plan as make_plan
    from davylamp.judge.planner import plan_week

    by_hour = None if rps_by_hour is None else read_hours(rps_by_hour)
    try:
        objective = Objective(
            _rps(rps, by_hour),
            base_error_rate,
            detect_error_rate,
            window_seconds,
            release_seconds,
            latency_factor,
        )
    except WrongObjective as error:
        raise BadInput(f"--{error.field.replace('_', '-')} {error}") from error
    if plot is not None:
        _check_plot(plot)
    found = make_plan(objective)
    hours = None if by_hour is None else plan_week(found, by_hour)
    if plot is not None:
        _draw(found, plot)
    document = document_of(found, hours)
    emit(document, as_json, lambda console: show(console, document))


def _rps(rps: float | None, by_hour: Sequence[float | None] | None) -> float:
    if rps is not None:
        return rps
    if by_hour is None:
        raise BadInput("--rps is missing: give the service's requests/s, or --rps-by-hour FILE")
    known = [v for v in by_hour if v is not None]
    return sum(known) / len(known)


def _check_plot(file: Path) -> None:
    """Before anything is simulated."""
    if file.is_dir() or not file.parent.is_dir():
        raise BadInput(f"--plot {file}: no file in a folder that exists; give a FILE.png")


def _draw(plan: TrafficPlan, file: Path) -> None:
    from davylamp.cli.judge_plan_figure import draw
    from davylamp.judge.plan_curves import detection_curves

    try:
        draw(plan, detection_curves(plan), file)
    except OSError as error:
        raise BadInput(f"--plot {file}: cannot be written ({error.strerror})") from error
