"""One located service against the model, with errors that name the line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from davylamp.catalog.located import Located, place_of, plain
from davylamp.catalog.model import Service
from davylamp.catalog.problem import Problem, field_name, problem
from davylamp.judge.sequential.policy import METRICS

_METRICS = tuple(METRICS)


def validate(located: Located) -> tuple[Service | None, list[Problem]]:
    """The service, or everything that is wrong with it."""
    try:
        service = Service.model_validate(plain(located))
    except ValidationError as error:
        return None, [_told(details, located) for details in error.errors(include_url=False)]
    problems = [
        *_wrong_pattern(service, located),
        *_unknown_metrics(service, located),
        *_same_names(service, located),
    ]
    return (None if problems else service), problems


def _told(details: ErrorDetails, located: Located) -> Problem:
    path = details["loc"]
    return problem(place_of(located, path), field_name(path), _message(details))


def _message(details: ErrorDetails) -> str:
    if details["type"] == "missing":
        return "is needed: say it here, or in _defaults.yaml for all services"
    if details["type"] == "extra_forbidden":
        return f"is not a field{_nearest(str(details['loc'][-1]), _fields_at(details['loc'][:-1]))}"
    said = details["msg"].removeprefix("Value error, ")
    if details["type"] == "value_error":
        return said
    return f"{said[:1].lower()}{said[1:]}, found {_shortened(details['input'])}"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _nearest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _fields_at(path: tuple[int | str, ...]) -> Mapping[str, Any]:
    """The fields of the model that stands at `path` of a service."""
    model: type[BaseModel] = Service
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model.model_fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of an annotation like `Route` or `tuple[Step, ...]`."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _wrong_pattern(service: Service, located: Located) -> list[Problem]:
    try:
        re.compile(service.image.tag_pattern)
    except (re.error, RecursionError, OverflowError) as error:
        at = place_of(located, ("image", "tag_pattern"))
        return [problem(at, "image.tag_pattern", f"is not a regular expression: {error}")]
    return []


def _unknown_metrics(service: Service, located: Located) -> list[Problem]:
    """A misspelt metric would silently never be critical."""
    return [
        problem(
            place_of(located, ("judge", name, number)),
            field_name(("judge", name, number)),
            f"there is no metric {metric!r:.40}{_nearest(metric, _METRICS)}",
        )
        for name, metrics in (
            ("critical", service.judge.critical),
            ("ignored", service.judge.ignored),
        )
        for number, metric in enumerate(metrics)
        if metric not in _METRICS
    ]


def _same_names(service: Service, located: Located) -> list[Problem]:
    """Two metrics of one name would be one in every verdict."""
    names = [metric.name for metric in service.judge.metrics]
    paths = [("judge", "metrics", number, "name") for number in range(len(names))]
    return [
        problem(place_of(located, path), field_name(path), f"{name!r} is said twice")
        for number, (name, path) in enumerate(zip(names, paths, strict=True))
        if name in names[:number]
    ]
