"""Is it still the same Envoy that was scraped? Pure."""

from __future__ import annotations

from dataclasses import dataclass

from davylamp.signals.prometheus_scrape import Scrape

_SLACK_SECONDS = 10.0
"""Envoy brings its uptime up to date every few seconds only."""


@dataclass(frozen=True)
class Envoy:
    """The newest scrape of one address, and how many processes have answered there before."""

    scrape: Scrape
    process: int = 0

    def scraped_again(self, scrape: Scrape) -> Envoy:
        """An uptime that fell means a restart; one that leapt ahead, several Envoys behind one
        address. Without an uptime only counters that fall tell."""
        before, now = self.scrape.uptime_seconds, scrape.uptime_seconds
        if before is None or now is None:
            return Envoy(scrape, self.process)
        at_most = before + (scrape.at - self.scrape.at) + _SLACK_SECONDS
        return Envoy(scrape, self.process if before <= now <= at_most else self.process + 1)
