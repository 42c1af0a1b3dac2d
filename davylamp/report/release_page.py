"""A release's page: outcome and reason first, then what it cost, on what evidence, and how it
went. Pure."""

from __future__ import annotations

from davylamp import __version__
from davylamp.judge.verdict import Verdict
from davylamp.ledger.releases import Release
from davylamp.report.html import Child, Html, tag
from davylamp.report.page import (
    Figure,
    chip,
    facts,
    figures,
    listed,
    note,
    pictures,
    section,
    table,
    whole_page,
)
from davylamp.report.release_story import ReleaseStory
from davylamp.report.steps_taken import steps_taken
from davylamp.report.verdict_table import columns_of, number, rows_of
from davylamp.report.words import (
    UNKNOWN,
    between,
    clock,
    count,
    duration,
    moment,
    share,
    short_digest,
    spoken,
)


def release_page(story: ReleaseStory) -> str:
    """One self-contained HTML file."""
    release = story.release
    return whole_page(
        f"{_name(release)}: {spoken(release.state)}",
        _head(story),
        _cost(story),
        section("Steps", _steps(story)),
        section("Verdict", *_verdict(story.verdict)),
        section("Evidence", pictures(story.pictures) if story.pictures else note(_why(story))),
        section("Schema work", _schema(story)),
        section("Way back", _back(story)),
        section("Timeline", _timeline(story)),
        _foot(story),
    )


def _name(release: Release) -> str:
    return f"{release.service} {release.version or release.image}"


def _head(story: ReleaseStory) -> Html:
    release, before = story.release, story.stable_before
    was = f"{before.version} " if before else ""
    overridden = release.override_reason
    return tag(
        "header",
        tag("h1", f"{_name(release)} ", chip(release.state)),
        tag("p", release.reason or "no reason was written down yet", class_="lead"),
        facts(
            {
                "From": (was, _digest(release.stable_digest))
                if release.stable_digest
                else "nothing: its first release",
                "To": (f"{release.version or ''} ", _digest(release.digest) or release.image),
                "Asked for by": release.requested_by,
                "Wish": _wish(release),
                "Overridden": overridden,
                "Began": moment(release.created_at),
                "First user": moment(release.traffic_at) if release.traffic_at else "none met it",
                "Decided": moment(release.decided_at) if release.decided_at else None,
                "Ended": moment(release.ended_at) if release.ended_at else "it is under way",
                "Run": tag("code", release.run_id) if release.run_id else None,
                "Known bad since": story.build.known_bad_reason if story.build else None,
            }
        ),
    )


def _digest(digest: str | None) -> Html | None:
    return tag("code", short_digest(digest), title=digest) if digest else None


def _wish(release: Release) -> str:
    if not release.wish:
        return ""
    why = f": {release.wish_reason}" if release.wish_reason else ""
    return f"{spoken(release.wish)}, by {release.wish_by}{why}"


def _cost(story: ReleaseStory) -> Html:
    cost, back = story.cost, story.release.state == "rolled_back"
    asked = cost.candidate_requests
    since = "from the first user" if story.release.traffic_at else "from its opening"
    failed = failure_of(cost.candidate_failed, asked)
    found = [
        Figure("to the decision", duration(story.seconds_to_decision), since),
        Figure("requests to the candidate", count(asked), "attempts, by the router's count"),
        Figure("of them harmed", count(cost.candidate_failed), failed),
        Figure(
            "had everybody had it",
            count(cost.full_blast_failed),
            "harmed requests until the decision" if back else "harmed until it was decided",
        ),
        Figure("to the service meanwhile", count(cost.requests_exposed), "all builds together"),
        Figure(
            "baseline",
            count(cost.baseline_requests),
            failure_of(cost.baseline_failed, cost.baseline_requests),
        ),
    ]
    explained = (
        "Harmed: failed attempts (5xx, resets, time-outs), those that were repeated on stable for "
        "the user too. Had everybody had it: all requests to the service from the first user to "
        "the decision × the share of the candidate's attempts that failed. A dash: not known."
    )
    return section("What it cost", figures(found), note(explained))


def failure_of(failed: int | None, requests: int | None) -> str:
    """`0.52 % failed`"""
    if failed is None or not requests:
        return ""
    return f"{share(failed / requests)} failed"


def _steps(story: ReleaseStory) -> Child:
    taken = steps_taken(story.release, story.events)
    if not taken:
        return note("its plan can't be read")
    return table(
        ("step", "candidate", "baseline", "planned", "requests needed", "began (UTC)", "took"),
        (
            (
                one.name,
                share(one.share),
                share(one.baseline_share),
                duration(one.planned_seconds),
                count(one.minimum_requests),
                clock(one.began_at) if one.began_at else "not reached",
                duration(one.seconds),
            )
            for one in taken
        ),
        caption="Shares of users; how long a step was planned to last, and lasted.",
        kinds=".nnnntn",
    )


def _verdict(verdict: Verdict | None) -> list[Child]:
    if verdict is None:
        return [note("The judge said nothing: no user met the candidate long enough.")]
    columns = columns_of(verdict)
    said = [f"{name} says {outcome}" for name, outcome in verdict.other_opinions.items()]
    found: list[Child] = [
        tag("p", chip(verdict.outcome), f" {verdict.headline}"),
        facts(
            {
                "Judge": verdict.judge,
                "Evidence of harm": number(verdict.e_value),
                "Candidate requests": count(verdict.candidate_requests),
                "Baseline requests": count(verdict.baseline_requests),
                "Other judges": ", ".join(said),
            }
        ),
        tag("h3", "What is missing"),
        listed(verdict.missing) if verdict.missing else note("nothing"),
        tag("h3", "Metric by metric"),
        table(
            list(columns),
            (list(row.values()) for row in rows_of(verdict)),
            caption="What weighs most comes first.",
            kinds=".nnnnnnnnl",
        ),
        _explained(columns),
    ]
    return found


def _explained(columns: dict[str, str]) -> Html:
    return tag(
        "details",
        tag("summary", "what the columns mean"),
        facts(columns),
    )


def _why(story: ReleaseStory) -> str:
    return f"There are no plots: {story.no_pictures or 'nothing was drawn'}."


def _schema(story: ReleaseStory) -> Child:
    if not story.schema:
        return note("None was recorded for this release.")
    return table(
        ("when (UTC)", "database", "revision", "what", "in words"),
        (
            (clock(one.at), one.database, one.revision or UNKNOWN, spoken(one.kind), one.message)
            for one in story.schema
        ),
        caption="What was done to databases for this release; it stays when the release goes back.",
        kinds="t...l",
    )


def _back(story: ReleaseStory) -> list[Child]:
    if story.no_way_back_known:
        return [tag("p", f"It isn't known: {story.no_way_back_known}", class_="doubt")]
    if not story.back:
        return [note("There is no earlier build to go back to.")]
    rows = (
        (
            one.version,
            tag("code", short_digest(one.digest)),
            tag("span", "yes", class_="good")
            if one.is_reachable
            else tag("span", "no", class_="bad"),
            "; ".join(block.why for block in one.blocks) or UNKNOWN,
        )
        for one in story.back
    )
    caption = f"Builds {story.release.service} could go back to at {moment(story.told_at)}."
    columns = ("version", "digest", "reachable", "what is in the way")
    return [table(columns, rows, caption=caption, kinds="...l")]


def _timeline(story: ReleaseStory) -> Html:
    began = story.release.created_at
    return table(
        ("when (UTC)", "after", "what", "in words"),
        (
            (clock(one.at), duration(between(began, one.at)), spoken(one.kind), one.message)
            for one in story.events
        ),
        caption=f"All that the ledger has of it, from {moment(began)} on.",
        kinds="tn.l",
    )


def _foot(story: ReleaseStory) -> Html:
    again = f"davylamp report release {story.release.id}"
    return tag(
        "footer",
        f"Release {story.release.id}, told at {moment(story.told_at)} by Davylamp {__version__}. ",
        tag("code", again),
        " tells it anew.",
    )
