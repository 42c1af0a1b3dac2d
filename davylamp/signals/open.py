"""The Source that the settings ask for."""

from __future__ import annotations

from davylamp.settings import Settings
from davylamp.signals.envoy_stats import EnvoySource
from davylamp.signals.protocol import Source


def open_source(settings: Settings) -> Source:
    """Envoy's own statistics, or Prometheus. Raises `Unreachable` when no address is known."""
    if settings.signals == "envoy":
        return EnvoySource(settings.require("envoy_admin_url"))
    # here, since it brings pandas with it
    from davylamp.signals.prometheus import PrometheusSource
    from davylamp.signals.prometheus_http import PrometheusAccess
    from davylamp.signals.prometheus_query import Prometheus

    access = PrometheusAccess(
        url=settings.prometheus_url,
        user=settings.prometheus_user,
        password=settings.prometheus_password.get_secret_value(),
        token=settings.prometheus_token.get_secret_value(),
        token_file=settings.prometheus_token_file,
        ca_file=settings.prometheus_ca_file,
    )
    return PrometheusSource(
        Prometheus(access),
        selector=settings.prometheus_selector,
        patience_seconds=settings.prometheus_patience_seconds,
    )
