"""What is drawn of a release, before and after it is rendered."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.stats import binomtest

from benchmarks.calibration.noises import Harm, noise_stream
from davylamp.judge.recording import Recording
from davylamp.judge.sample import Role, Series
from davylamp.judge.sequential.policy import METRICS
from davylamp.judge.sequential.safety import SAFE_TESTS
from davylamp.report.plots import Mark, Scene, draw, figure_of, look
from davylamp.report.plots.errors import binned
from davylamp.report.wilson import wilson
from tests.release_defs.streams import BEGAN, samples_of, scene_of

MARKS = (Mark(BEGAN, "5%"), Mark(BEGAN + 60, "20%"))
HARM = Harm("p99", 4.0, 60)


def stream(ticks: int = 150, sides: int = 2, harm: Harm | None = None) -> Recording:
    return noise_stream("all", 60, 2, ticks=ticks, sides=sides, harm=harm)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(samples_of(stream(sides=3, harm=HARM)), MARKS)


def panels(scene: Scene) -> list[Axes]:
    """Harm, harmlessness, latency, errors."""
    figure = figure_of(scene)
    assert figure is not None
    return figure.axes


def level(axes: Axes, label: str) -> float:
    """Where a horizontal line with this label lies."""
    (line,) = [one for one in axes.lines if one.get_label() == label]
    (found,) = set(line.get_ydata())
    return float(found)


def texts(axes: Axes) -> str:
    return " | ".join(one.get_text() for one in axes.texts)


def test_evidence_of_harm_is_drawn_by_metric_against_both_thresholds(scene: Scene) -> None:
    harm = panels(scene)[0]

    assert level(harm, "rolled back from") == pytest.approx(40)
    assert level(harm, "not promoted from") == pytest.approx(10)
    assert harm.get_yscale() == "log"
    assert set(METRICS) < {line.get_label() for line in harm.lines}
    assert "rolled back from 40" in texts(harm)


def test_the_metric_that_does_the_harm_is_named_and_crosses_the_line(scene: Scene) -> None:
    harm = panels(scene)[0]
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in harm.lines}

    assert lines["all together"][-1] >= 40 > lines["all together"][-2]
    assert max(METRICS, key=lambda name: lines[name][-1]) == "latency_p99"
    assert "latency_p99" in texts(harm)


def test_evidence_of_harmlessness_has_to_pass_a_line_in_every_metric(scene: Scene) -> None:
    safety = panels(scene)[1]

    assert level(safety, "passed from") == pytest.approx(20)
    assert set(SAFE_TESTS) <= {line.get_label() for line in safety.lines}


def test_shares_of_users_are_marked_where_they_changed(scene: Scene) -> None:
    assert "5%" in texts(panels(scene)[0])
    assert "20%" in texts(panels(scene)[0])


def test_latency_and_errors_show_all_sides_with_their_figures(scene: Scene) -> None:
    _, _, latency, errors = panels(scene)

    for axes in (latency, errors):
        said = [one.get_text() for one in axes.get_legend().get_texts()]
        assert [one.split(":")[0] for one in said] == ["candidate", "baseline", "stable"]
    assert len(errors.collections) == 2  # a band of each side that is compared


def test_a_point_of_the_error_rate_stands_on_twenty_requests() -> None:
    slow = noise_stream("independent", 0.5, 1, ticks=200)
    _, _, few = binned(slow.canary)
    _, _, many = binned(stream(ticks=600).canary)

    assert np.median(few) >= 15
    assert len(many) <= 40


def test_the_picture_is_small_and_900_pixels_wide(scene: Scene) -> None:
    long = scene_of(samples_of(noise_stream("all", 60, 3, ticks=600, sides=3)), MARKS)
    for one in (scene, long):
        png = draw(one)

        assert len(png) <= 80_000
        assert Image.open(io.BytesIO(png)).size == (900, 620)


def test_few_colours_are_enough_for_every_line_to_keep_its_own(scene: Scene) -> None:
    image = Image.open(io.BytesIO(draw(scene))).convert("RGB")
    seen = {colour for _, colour in image.getcolors(1 << 20) or []}

    wanted = (look.SIDES[Role.CANDIDATE], look.SIDES[Role.BASELINE], look.METRICS["latency_p99"])
    for colour in (*wanted, look.ROLLED_BACK, look.INK, "#ffffff"):
        assert tuple(round(255 * part) for part in to_rgb(colour)) in seen


def test_a_release_without_anything_has_no_picture() -> None:
    assert draw(Scene({})) == b""
    assert draw(scene_of({role: [] for role in Role})) == b""


def test_a_release_whose_candidate_nobody_has_asked_yet_is_drawn_without_it() -> None:
    one = stream(ticks=20)

    assert draw(Scene({Role.BASELINE: one.baseline}, bounds_ms=one.bounds_ms)) != b""


def test_a_release_without_a_baseline_is_drawn(scene: Scene) -> None:
    samples = samples_of(stream(ticks=30))
    del samples[Role.BASELINE]

    assert draw(scene_of(samples)) != b""


def test_a_first_tick_alone_is_drawn() -> None:
    assert draw(scene_of(samples_of(stream(ticks=1)))) != b""


def nowhere(one: Series, name: str) -> Series:
    return replace(one, **{name: np.full_like(getattr(one, name), np.nan)})


@pytest.mark.parametrize("name", ["failed", "succeeded", "latency", "at", "seconds"])
def test_columns_that_are_not_known_are_drawn_as_far_as_they_are(scene: Scene, name: str) -> None:
    for roles in ([Role.CANDIDATE], list(Role)):
        sides = {
            role: nowhere(one, name) if role in roles else one for role, one in scene.sides.items()
        }
        draw(replace(scene, sides=sides))


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_numbers_a_release_has_it_can_be_drawn(data: st.DataObject) -> None:
    wild = st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf, 1e18, 0.5])
    one = stream(ticks=5).canary
    columns = {
        name: np.reshape([data.draw(wild) for _ in range(values.size)], values.shape)
        for name, values in vars(one).items()
        if name != "latency"
    }
    track = scene_of(samples_of(stream(ticks=5))).track
    assert track is not None
    track = replace(track, harm=track.harm * data.draw(wild), parts=track.parts * data.draw(wild))

    draw(Scene({Role.CANDIDATE: replace(one, **columns)}, track, bounds_ms=stream().bounds_ms))


@pytest.mark.parametrize(("failed", "total"), [(0, 20), (1, 20), (7, 9), (200, 200), (3, 5000)])
def test_the_bands_are_wilsons(failed: int, total: int) -> None:
    rate, lower, upper = wilson(np.array([float(failed)]), np.array([float(total)]))
    wanted = binomtest(failed, total).proportion_ci(0.95, method="wilson")

    assert rate[0] == failed / total
    assert (lower[0], upper[0]) == pytest.approx((wanted.low, wanted.high), abs=1e-4)


def test_labels_that_would_overlap_are_moved_apart() -> None:
    found = look.spread([0.5, 0.51, 0.52, 0.99, 0.99], gap=0.1)

    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(found))
    assert found[-1] <= 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(1000.0, "1,000"), (0.001, "0.001"), (1e6, "1e6"), (2.5e-9, "2.5e-9"), (1e12, "1e12")],
)
def test_numbers_on_axes_are_short(value: float, text: str) -> None:
    assert look.plain(value) == text
