"""Prometheus as somebody who answers one instant query with rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from davylamp.errors import BadInput, Unreachable
from davylamp.signals.prometheus_http import PrometheusAccess, QuerySession

_NOT_A_VECTOR = (KeyError, TypeError, json.JSONDecodeError, PrometheusApiClientException)


class Row(NamedTuple):
    """One series of an answer. A tuple: answers have a hundred thousand of them."""

    labels: dict[str, str]
    at: float
    """Unix seconds when the query was evaluated; not when the value was scraped."""
    value: float

    def label(self, name: str) -> str:
        return self.labels.get(name, "")


@dataclass(frozen=True)
class PromQL:
    """A query, and what it is for: an error says that, not three pages of PromQL."""

    text: str
    purpose: str


class Prometheus:
    """One server. No retry: a tick that failed is over, and the next comes in a second."""

    def __init__(self, access: PrometheusAccess) -> None:
        self._access = access
        self._session = QuerySession(access)
        self._api = PrometheusConnect(
            url=access.url.rstrip("/"),
            auth=cast("Any", access.auth()),
            session=self._session,
            retry=Retry(total=0, redirect=0),
            method="POST",
        )

    def ask(self, query: PromQL) -> list[Row]:
        """Raises `Unreachable`, and `BadInput` where the query itself is refused."""
        # the server, too, shall stop working on what nobody waits for any more
        params = {"timeout": f"{self._access.deadline_seconds:g}s"}
        try:
            answer = cast("Any", self._api).custom_query(query.text, params=params)
            return [_row(entry) for entry in answer]
        except Unreachable as error:
            raise Unreachable(self._complaint(str(error), query)) from error
        except BadInput as error:
            raise BadInput(self._complaint(str(error), query)) from error
        except _NOT_A_VECTOR as error:
            wrong = f"answers with something else than a vector ({error!r:.200})"
            raise Unreachable(self._complaint(wrong, query)) from error
        except (requests.RequestException, HTTPError) as error:
            raise Unreachable(self._complaint(f"does not answer ({_why(error)})", query)) from error

    def close(self) -> None:
        self._session.close()

    def complaint(self, what: str) -> str:
        return (
            f"Prometheus at {self._access.url} {what} (deadline "
            f"{self._access.deadline_seconds:g} s); DAVYLAMP_PROMETHEUS_URL says where it is, "
            "docs/prometheus.md what it needs"
        )

    def _complaint(self, what: str, query: PromQL) -> str:
        return self.complaint(f"{what}, asked for {query.purpose}")


def _row(entry: Any) -> Row:
    try:
        at, value = entry["value"]
        return Row(entry["metric"], float(at), float(value))
    except ValueError as error:
        raise TypeError(f"a row without a number: {entry!r:.100}") from error


def _why(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return f"{error or type(error).__name__!s}"[:300]
