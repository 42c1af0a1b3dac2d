"""The fleet's page: what is wrong first, then what is under way, how releases go, and what runs.
Pure."""

from __future__ import annotations

from collections.abc import Iterator

from davylamp import __version__
from davylamp.ledger.audits import Held, Look
from davylamp.report.dora_words import durations, fail_rate
from davylamp.report.fleet_story import FleetStory, Outlook, ServiceNow
from davylamp.report.forecast_words import outlook_rows
from davylamp.report.html import Child, Html, tag
from davylamp.report.page import (
    Figure,
    chip,
    figures,
    note,
    pictures,
    section,
    table,
    whole_page,
)
from davylamp.report.words import UNKNOWN, clock, count, duration, moment, plural, short_digest


def fleet_page(story: FleetStory) -> str:
    """One self-contained HTML file."""
    return whole_page(
        f"The fleet at {moment(story.told_at)}",
        tag("header", tag("h1", "The fleet"), tag("p", _in_a_sentence(story), class_="lead")),
        section("Open findings", _findings(story)),
        section("Releases under way", _active(story)),
        section("How releases go", *_delivery(story)),
        section("Services", _services(story)),
        section("Forecast", *_forecast(story)),
        section("Last audits", _audits(story)),
        tag(
            "footer",
            f"Told at {moment(story.told_at)} by Davylamp {__version__}. ",
            tag("code", "davylamp report fleet"),
            " tells it anew.",
        ),
    )


def _in_a_sentence(story: FleetStory) -> str:
    critical = sum(one.severity == "critical" for one in story.findings)
    seen = story.looks[0].at if story.looks else None
    looked = f"last looked at {moment(seen)}" if seen else "never audited"
    return (
        f"{plural(len(story.services), 'service')}, "
        f"{plural(len(story.active), 'release')} under way, "
        f"{plural(critical, 'critical finding')} and "
        f"{plural(len(story.findings) - critical, 'warning')} open; {looked}."
    )


def _findings(story: FleetStory) -> Child:
    if not story.findings:
        never = "" if story.looks else " The fleet was never audited: davylamp audit does it."
        return note(f"None is open.{never}")
    return table(
        ("code", "severity", "service", "instance", "since (UTC)", "what", "what to do"),
        (
            (
                one.code,
                chip(one.severity),
                one.service or "fleet",
                one.instance or UNKNOWN,
                clock(one.first_seen_at),
                _said(one, "detail"),
                _said(one, "next"),
            )
            for one in story.findings
        ),
        caption="What the audits hold against the fleet; the critical ones first.",
        kinds="....tll",
    )


def _said(one: Held, name: str) -> str:
    return str(one.document.get(name) or UNKNOWN)


def _active(story: FleetStory) -> Child:
    if not story.active:
        return note("None.")
    return table(
        ("release", "service", "candidate", "state", "began (UTC)", "asked for by", "why"),
        (
            (
                str(one.id),
                one.service,
                one.version or one.image,
                chip(one.state),
                clock(one.created_at),
                one.requested_by,
                one.reason,
            )
            for one in story.active
        ),
        caption="Releases that have not ended.",
        kinds="....t.l",
    )


def _delivery(story: FleetStory) -> Iterator[Child]:
    dora = story.dora
    yield figures(
        [
            Figure("deployments a day", f"{dora.deployments_per_day:,.3g}", _of(story)),
            Figure("change fail rate", *fail_rate(dora)),
            Figure("lead time", *durations(dora.lead_time, "first seen → all users")),
            Figure("recovery", *durations(dora.recovery, "decision → release ended")),
            Figure("exposed", *durations(dora.exposed, "first user → decision")),
            Figure(
                "ended otherwise",
                count(dora.refused + dora.abandoned),
                f"{count(dora.refused)} refused, {count(dora.abandoned)} abandoned",
            ),
        ]
    )
    yield note(
        "DORA's metrics as far as the ledger can tell them; docs/reports.md says what each is. "
        "Medians, with the time within which nine in ten were."
    )
    if story.pictures:
        yield pictures(story.pictures)
    else:
        yield note("No release has ended in this time.")


def _of(story: FleetStory) -> str:
    return f"{count(story.dora.deployments)} in {story.dora.days:.3g} days"


def _services(story: FleetStory) -> Child:
    if not story.services:
        return note("The ledger has none yet.")
    return table(
        (
            *("service", "runs", "since (UTC)", "copies ready", "now"),
            *("deployments", "fail rate", "lead time", "recovery"),
        ),
        (_service(story, one) for one in story.services),
        caption="What runs since when; and how the releases of each went, medians.",
        kinds="..tnlnnnn",
    )


def _service(story: FleetStory, one: ServiceNow) -> tuple[Child, ...]:
    live, release = one.live, one.release
    dora = story.by_service.get(live.name)
    digest = tag("code", short_digest(live.stable_digest), title=live.stable_digest or "")
    now: Child = f"frozen: {live.frozen_reason}" if live.frozen_reason else UNKNOWN
    if release:
        now = [chip(release.state), f" {release.version or release.image}"]
    return (
        live.name,
        (f"{live.stable_version} ", digest) if live.stable_digest else "nothing yet",
        clock(live.stable_since),
        f"{one.ready}/{one.copies}",
        now,
        count(dora.deployments) if dora else UNKNOWN,
        fail_rate(dora)[0] if dora else UNKNOWN,
        durations(dora.lead_time)[0] if dora else UNKNOWN,
        durations(dora.recovery)[0] if dora else UNKNOWN,
    )


def _forecast(story: FleetStory) -> Iterator[Child]:
    if story.outlook is None:
        yield note(f"There is none: {story.no_outlook}.")
        return
    yield forecast_table(story.outlook)
    yield note(
        "Users and people's times stay as assumed: the ledger can't know them. docs/forecast.md "
        "has the arithmetic and its sources."
    )


def forecast_table(outlook: Outlook) -> Html:
    """The assumptions beside the fleet's own figures."""
    return table(
        ("figure", "as assumed", "the fleet's own"),
        outlook_rows(outlook),
        caption="Bad deploys in a year, as assumed and as the ledger has it.",
        kinds=".nn",
    )


def _audits(story: FleetStory) -> Child:
    if not story.looks:
        return note("None was recorded.")
    return table(
        ("when (UTC)", "services", "instances seen", "findings", "took", "did not answer"),
        (_audit(one) for one in story.looks),
        caption="The newest audits of the whole fleet.",
        kinds="tnnnnl",
    )


def _audit(one: Look) -> tuple[Child, ...]:
    unseen = "; ".join(f"{what}: {why}" for what, why in one.unseen.items())
    return (
        clock(one.at),
        count(one.services),
        count(one.seen_instances),
        count(sum(one.counts.values())),
        duration(one.seconds),
        unseen or UNKNOWN,
    )
