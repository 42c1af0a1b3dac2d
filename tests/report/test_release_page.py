"""A release's page tells all, in order, and runs nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davylamp.ledger.models import ReleaseState
from davylamp.report.page import Picture
from davylamp.report.release_page import release_page
from davylamp.report.release_story import Cost
from davylamp.rollout.reachability import Block, Obstacle, Reach
from tests.report.reading import check
from tests.report.stories import event, release, story, verdict

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def test_outcome_and_reason_come_first() -> None:
    page = check(release_page(story()))
    told = "checkout 1.5.0 rolled back 5.2 % of 1,204 requests failed, of the baseline's 0.1 %"
    assert told in page.words
    order = ("What it cost", "Steps", "Verdict", "Evidence", "Schema work", "Way back", "Timeline")
    places = [page.words.index(name) for name in order]
    assert places == sorted(places)


def test_it_says_from_which_build_to_which_and_what_it_cost() -> None:
    words = check(release_page(story())).words
    assert "From 1.4.0 sha256:aaaaaaaaaaaa To 1.5.0 sha256:bbbbbbbbbbbb" in words
    assert "to the decision 75 s" in words
    assert "of them harmed 63 5.23 % failed" in words
    assert f"had everybody had it {round(21_340 * 63 / 1204):,}" in words


def test_steps_say_what_was_planned_and_what_came_of_it() -> None:
    words = check(release_page(story())).words
    assert "step 1 5 % 5 % 60 s 50 1 Mar 12:00:10 62 s" in words
    assert "step 2 20 % 20 % 60 s 100 1 Mar 12:01:12 13 s" in words
    assert "all users 100 % 0 % 30 s 1 not reached" in words


def test_the_verdict_has_every_metric_with_its_evidence_and_what_is_missing() -> None:
    words = check(release_page(story())).words
    assert "error_rate 5.2 % of 1,204 0.1 % of 1,187 52 21 … 140 1.25 12,345 50% 1e-09" in words
    assert "cpu_per_request" in words
    assert "What is missing CPU: no copy says how much it used" in words


def test_the_way_back_says_what_is_in_the_way() -> None:
    words = check(release_page(story())).words
    assert "1.3.0 sha256:aaaaaaaaaaaa yes" in words
    assert "1.2.0 sha256:bbbbbbbbbbbb no revision 0005 took what it needs" in words


def test_pictures_are_inside_and_have_words() -> None:
    picture = Picture("Evidence of harm", "at most 180", b"\x89PNG", 520)
    (found,) = check(release_page(story(pictures=[picture]))).all("img")
    assert found["src"].startswith("data:image/png;base64,")
    assert found["alt"] == "at most 180"


def test_what_is_not_known_is_said_and_nothing_is_made_up() -> None:
    first = release(
        state=ReleaseState.VERIFYING,
        **dict.fromkeys(("digest", "version", "stable_digest", "traffic_at", "decided_at")),
        ended_at=None,
        figures={},
        reason="",
        plan={},
    )
    bare = story(
        release=first,
        events=[],
        verdict=None,
        cost=Cost(),
        build=None,
        stable_before=None,
        schema=[],
        back=[],
        no_way_back_known="the database does not answer",
    )
    words = check(release_page(bare)).words
    assert "From nothing: its first release" in words
    assert "it is under way" in words
    assert "requests to the candidate –" in words
    assert "had everybody had it –" in words
    assert "its plan can't be read" in words
    assert "The judge said nothing" in words
    assert "It isn't known: the database does not answer" in words
    json.dumps(bare.document(), default=str)


@pytest.mark.parametrize("state", list(ReleaseState))
def test_every_state_can_be_told(state: ReleaseState) -> None:
    page = check(release_page(story(release=release(state=state))))
    assert str(state).replace("_", " ") in page.words


def test_a_script_in_any_text_is_only_text() -> None:
    told = story(
        release=release(
            **dict.fromkeys(("service", "version", "reason", "requested_by", "run_id"), EVIL),
            wish="hold",
            wish_by=EVIL,
            wish_reason=EVIL,
            override_reason=EVIL,
        ),
        events=[event(1, 0, EVIL, EVIL)],
        verdict=verdict(headline=EVIL, missing=(EVIL,), other_opinions={EVIL: EVIL}),
        back=[Reach(EVIL, EVIL, (Block(Obstacle.SCHEMA, EVIL),))],
        pictures=[Picture(EVIL, EVIL, b"", 1)],
    )
    page = check(release_page(told))
    assert page.words.count("<script>alert('x')</script>") > 10


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_whatever_a_build_is_called_the_page_is_whole(text: str) -> None:
    told = story()
    shown = replace(told.release, version=text or "?", reason=text, service=text)
    check(release_page(replace(told, release=shown)))


def test_the_document_is_json_and_has_what_the_page_has() -> None:
    found = json.loads(json.dumps(story().document(), default=str))
    assert found["release"]["state"] == "rolled_back"
    assert found["from"]["version"] == "1.4.0"
    assert found["cost"]["full_blast_failed_requests"] == round(21_340 * 63 / 1204)
    assert [one["seconds"] for one in found["steps"]] == [62, 13, None]
    assert found["seconds_to_decision"] == 75
