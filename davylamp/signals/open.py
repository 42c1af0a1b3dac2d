"""The Source that the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from davylamp.settings import Settings
from davylamp.signals.envoy_stats import EnvoySource
from davylamp.signals.protocol import Source

if TYPE_CHECKING:
    from davylamp.signals.prometheus_http import PrometheusAccess


def open_source(settings: Settings) -> Source:
    """Envoy's own statistics, or Prometheus. Raises `Unreachable` when no address is known."""
    if settings.signals == "envoy":
        return EnvoySource(settings.require("envoy_admin_url"))
    # here, since it brings pandas with it
    from davylamp.signals.prometheus import PrometheusSource
    from davylamp.signals.prometheus_query import Prometheus

    return PrometheusSource(
        Prometheus(prometheus_access(settings)),
        selector=settings.prometheus_selector,
        patience_seconds=settings.prometheus_patience_seconds,
    )


def prometheus_access(settings: Settings) -> PrometheusAccess:
    """Where it is, and how to get in."""
    from davylamp.signals.prometheus_http import PrometheusAccess

    return PrometheusAccess(
        url=settings.prometheus_url,
        user=settings.prometheus_user,
        password=settings.prometheus_password.get_secret_value(),
        token=settings.prometheus_token.get_secret_value(),
        token_file=settings.prometheus_token_file,
        ca_file=settings.prometheus_ca_file,
    )
