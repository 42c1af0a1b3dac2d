"""Against a real Prometheus that scrapes a real Envoy: what Envoy counts, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from davylamp.errors import Unreachable
from davylamp.judge.sample import Role, Sample, series_of
from davylamp.signals.prometheus import PrometheusSource
from davylamp.signals.protocol import Watched
from tests.signals.prometheus_rig import PrometheusServer, Target, until

pytestmark = pytest.mark.server


SCRAPED = {"filter": r"^cluster\.[^.]+\.(upstream|endpoint)|^server\.uptime"}


class Relay:
    """Stands before Envoy's admin; what it says can be cut off or changed on the way."""

    def __init__(self, admin_url: str) -> None:
        self.is_cut = False
        self.edit: Callable[[str], str] = str
        self._admin = httpx.Client(base_url=admin_url, trust_env=False)
        self._target = Target(self._say)
        self.address = self._target.address

    def close(self) -> None:
        self._target.close()
        self._admin.close()

    def _say(self) -> str | None:
        try:
            text = self._admin.get("/stats/prometheus", params=SCRAPED).text
        except httpx.HTTPError:
            return None
        return None if self.is_cut else self.edit(text)


@pytest.fixture(scope="module")
def relays(fleet: Any) -> Iterator[list[Relay]]:
    found = [Relay(fleet.admin_url) for _ in range(3)]
    yield found
    for relay in found:
        relay.close()


@pytest.fixture(scope="module")
def server(
    fleet: Any, relays: list[Relay], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    envoy = fleet.admin_url.removeprefix("http://")
    first, second, third = [relay.address for relay in relays]
    jobs = {"envoy": [envoy], "envoy-again": [envoy], "envoys": [first, second]}
    found = PrometheusServer(tmp_path_factory.mktemp("prometheus"), jobs | {"envoy-cut": [third]})
    try:
        found.wait_for_targets(5)
        yield found
    finally:
        found.stop()


@pytest.fixture
def make(server: PrometheusServer) -> Iterator[Callable[..., PrometheusSource]]:
    made: list[PrometheusSource] = []

    def make(job: str = "envoy", **more: Any) -> PrometheusSource:
        made.append(PrometheusSource(server.connect(), selector=f'job="{job}"', **more))
        return made[-1]

    yield make
    for source in made:
        source.close()


def candidate(service: str) -> list[Watched]:
    return [Watched(service, Role.CANDIDATE, 7)]


def next_sample(source: PrometheusSource, service: str, after: float = 0.0) -> Sample:
    """Of the service's candidate, from a scrape begun later than `after`."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        try:
            found = [s for s in source.read(candidate(service)) if s.at > after]
        except Unreachable:
            found = []  # not scraped yet
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("no new sample")


def settled(source: Any, service: str, latencies: int) -> Sample:
    """What Envoy says itself, once its histogram has been flushed."""
    give_up_at = time.monotonic() + 10
    while True:
        (sample,) = source.read(candidate(service))
        if sum(sample.latency) == latencies or time.monotonic() > give_up_at:
            return sample
        time.sleep(0.05)


def test_counts_are_those_envoy_gives_itself(
    fleet: Any, source: Any, backend: Any, make: Any
) -> None:
    fleet.set_clusters({"same_candidate_7": [backend.port]})
    for path, times in (("/200", 9), ("/302", 2), ("/404", 3), ("/503", 4), ("/reset", 1)):
        fleet.ask("same_candidate_7", path, times)
    for milliseconds in (20, 60, 130, 300):
        fleet.ask("same_candidate_7", f"/sleep={milliseconds}", 2)
    fleet.ask("same_candidate_7", "/503", 2, **{"x-retry": "1"})
    fleet.ask("same_candidate_7", "/hang", 1, **{"x-hasty": "1"})
    of_envoy = settled(source, "same", 9 + 2 + 3 + 4 + 8 + 2)
    of_prometheus = next_sample(make(), "same", after=time.time())
    assert of_prometheus == replace(of_envoy, at=of_prometheus.at)
    assert (of_envoy.succeeded, of_envoy.failed) == (9 + 2 + 3 + 8, 4 + 1 + 4 + 1)
    assert of_envoy.responses[4] >= 4
    assert len([n for n in of_envoy.latency if n]) >= 5


def test_requests_never_sent_are_failures_here_too(
    fleet: Any, source: Any, make: Any, refusing_port: int
) -> None:
    fleet.set_clusters({"refused_candidate_7": [refusing_port], "empty_candidate_7": []})
    for service, times in (("refused", 4), ("empty", 3)):
        fleet.ask(f"{service}_candidate_7", "/", times)
        of_envoy = fleet.read_until(source, service, lambda s, n=times: s.failed == n)
        of_prometheus = next_sample(make(), service, after=time.time())
        assert of_prometheus == replace(of_envoy, at=of_prometheus.at)
        assert of_prometheus.failed == times


def test_a_hanging_request_is_in_flight(fleet: Any, backend: Any, make: Any) -> None:
    fleet.set_clusters({"hanging_candidate_7": [backend.port]})
    asking = threading.Thread(target=lambda: fleet.ask("hanging_candidate_7", "/sleep=4000"))
    asking.start()
    source = make()
    until(lambda: next_sample(source, "hanging").in_flight == 1)
    asking.join(10)
    until(lambda: next_sample(source, "hanging").in_flight == 0)


def test_all_sides_of_the_fleet_come_at_one_moment_and_unknown_ones_are_left_out(
    fleet: Any, backend: Any, make: Any
) -> None:
    names = ["a_stable", "a_baseline_7", "a_candidate_7", "b_stable", "ab_stable"]
    fleet.set_clusters({name: [backend.port] for name in names})
    for times, name in enumerate(names, start=1):
        fleet.ask(name, "/ok", times)
    asked_at, source = time.time(), make()
    next_sample(make(), "a", after=asked_at)
    samples = source.read([Watched(s, role, 7) for s in ("a", "b") for role in Role])
    assert {(s.service, s.role): s.succeeded for s in samples} == {
        ("a", Role.STABLE): 1,
        ("a", Role.BASELINE): 2,
        ("a", Role.CANDIDATE): 3,
        ("b", Role.STABLE): 4,
    }
    assert len({s.at for s in samples}) == 1


def test_a_sample_has_the_time_of_its_scrape_and_each_scrape_is_one_sample(
    fleet: Any, backend: Any, make: Any, server: PrometheusServer
) -> None:
    """Read far more often than it is scraped, under traffic: what a scrape holds never changes,
    so all its figures and its time come from one snapshot."""
    fleet.set_clusters({"busy_candidate_7": [backend.port]})
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            fleet.ask("busy_candidate_7", "/ok", 20)

    users = [threading.Thread(target=ask) for _ in range(2)]
    for user in users:
        user.start()
    try:
        one, fresh = make(), list[Sample]()
        samples = [next_sample(one, "busy")]
        give_up_at = time.monotonic() + 20
        while len(samples) < 6 and time.monotonic() < give_up_at:
            samples += one.read(candidate("busy"))
            fresh += make().read(candidate("busy"))
    finally:
        enough.set()
        for user in users:
            user.join(20)
    times = [s.at for s in samples]
    assert len(samples) == 6
    assert times == sorted(set(times))
    of_time = {s.at: s for s in samples}
    assert len(fresh) > len(of_time)
    assert [s for s in fresh if of_time.get(s.at, s) != s] == []
    range_query = 'envoy_cluster_upstream_rq_total{job="envoy",envoy_cluster_name=~"busy.*"}[1m]'
    (stored,) = server.ask(range_query)
    assert set(times) <= {at for at, _ in stored["values"]}
    ticks = series_of(samples)
    assert len(ticks) == 5
    assert ticks.succeeded.min() > 0


def test_a_restarted_envoy_costs_one_tick_and_counts_go_on(
    fleet: Any, backend: Any, make: Any
) -> None:
    fleet.set_clusters({"anew_candidate_7": [backend.port]})
    fleet.ask("anew_candidate_7", "/ok", 5)
    source = make()
    before = next_sample(source, "anew", after=time.time())
    fleet.stop()
    fleet.start()
    fleet.ask("anew_candidate_7", "/ok", 9)  # more than before: only the uptime tells
    first = next_sample(source, "anew", after=time.time())
    fleet.ask("anew_candidate_7", "/ok", 2)
    later = next_sample(source, "anew", after=time.time())
    ticks = series_of([before, first, later])
    assert later.succeeded >= 9 + 2
    assert ticks.succeeded[-1] == 2


def test_a_prometheus_that_is_killed_is_unreachable_and_goes_on_after(
    fleet: Any, backend: Any, make: Any, server: PrometheusServer
) -> None:
    fleet.set_clusters({"kept_candidate_7": [backend.port]})
    fleet.ask("kept_candidate_7", "/ok", 5)
    source = make()
    before = next_sample(source, "kept", after=time.time())
    server.stop()
    try:
        with pytest.raises(Unreachable, match="does not answer"):
            source.read(candidate("kept"))
        fleet.ask("kept_candidate_7", "/503", 2)
    finally:
        server.start()
    asked_at = time.time()
    assert source.read(candidate("kept")) == []  # still there from before, and not new
    server.wait_for_targets(5)
    later = next_sample(source, "kept", after=asked_at)
    ticks = series_of([before, later])
    assert (list(ticks.succeeded), list(ticks.failed)) == ([0], [2])


def test_a_target_that_is_gone_gives_nothing_at_once_not_for_five_minutes(
    fleet: Any, backend: Any, make: Any, relays: list[Relay]
) -> None:
    fleet.set_clusters({"gone_candidate_7": [backend.port]})
    source, relay = make("envoy-cut"), relays[2]
    before = next_sample(source, "gone", after=time.time())
    relay.is_cut = True
    try:
        until(lambda: _says_nothing(source, "gone"))
    finally:
        relay.is_cut = False
    fleet.ask("gone_candidate_7", "/ok", 3)
    later = next_sample(source, "gone", after=time.time())
    assert later.succeeded - before.succeeded == 3


def _says_nothing(source: PrometheusSource, service: str) -> bool:
    try:
        source.read(candidate(service))
    except Unreachable as error:
        return "has nothing of Envoy's" in str(error)
    return False


def both_have_five(server: PrometheusServer, cluster: str) -> bool:
    query = 'envoy_cluster_upstream_rq_total{job="envoys",envoy_cluster_name="%s"} == 5'
    return len(server.ask(query % cluster)) == 2


def test_of_two_envoys_one_that_is_not_scraped_holds_the_tick(
    fleet: Any, backend: Any, make: Any, relays: list[Relay], server: PrometheusServer
) -> None:
    """Both relays lead to one Envoy: everything counts twice."""
    fleet.set_clusters({"two_candidate_7": [backend.port]})
    fleet.ask("two_candidate_7", "/ok", 5)
    until(lambda: both_have_five(server, "two_candidate_7"))
    source = make("envoys", patience_seconds=600)
    samples = [next_sample(source, "two", after=time.time())]
    relays[0].is_cut = True
    try:
        fleet.ask("two_candidate_7", "/ok", 7)
        give_up_at = time.monotonic() + 4
        while time.monotonic() < give_up_at:
            samples += source.read(candidate("two"))
            time.sleep(0.1)
        assert "no new scrape of 1 of 2 Envoys" in source.held["two"]
    finally:
        relays[0].is_cut = False
    samples.append(next_sample(source, "two", after=time.time()))
    counts = [s.succeeded for s in samples]
    assert (counts[0], counts[-1]) == (10, 24)
    assert counts == sorted(counts)
    assert set(counts[1:-1]) <= {10}  # from scrapes that had begun before the cut


def test_of_two_envoys_one_that_stays_away_is_given_up_and_its_counts_stay(
    fleet: Any, backend: Any, make: Any, relays: list[Relay], server: PrometheusServer
) -> None:
    fleet.set_clusters({"one_candidate_7": [backend.port]})
    fleet.ask("one_candidate_7", "/ok", 5)
    until(lambda: both_have_five(server, "one_candidate_7"))
    source = make("envoys", patience_seconds=2)
    assert next_sample(source, "one", after=time.time()).succeeded == 10
    relays[1].is_cut = True
    try:
        cut_at = time.time()
        fleet.ask("one_candidate_7", "/ok", 7)
        alone = next_sample(source, "one", after=cut_at + 2)
    finally:
        relays[1].is_cut = False
    assert alone.succeeded in (5 + 12, 12 + 12)  # the last scrape before the cut may have seen them
    until(lambda: next_sample(source, "one").succeeded == 24)


def test_a_figure_that_is_no_number_holds_its_service(
    fleet: Any, backend: Any, make: Any, relays: list[Relay]
) -> None:
    fleet.set_clusters({"nan_candidate_7": [backend.port]})
    source, relay = make("envoy-cut"), relays[2]
    next_sample(source, "nan", after=time.time())
    total = 'envoy_cluster_upstream_rq_total{envoy_cluster_name="nan_candidate_7"} '
    relay.edit = lambda text: text.replace(f"{total}0", f"{total}NaN")
    try:
        until(lambda: not source.read(candidate("nan")) and "no counts" in source.held["nan"])
    finally:
        relay.edit = str
    next_sample(source, "nan", after=time.time())


def test_an_envoy_scraped_by_two_jobs_is_refused_until_one_is_named(
    fleet: Any, backend: Any, make: Any, server: PrometheusServer
) -> None:
    fleet.set_clusters({"twice_candidate_7": [backend.port]})
    next_sample(make("envoy"), "twice", after=time.time() + 1)
    both = PrometheusSource(server.connect(), selector='job=~"envoy|envoy-again"')
    with pytest.raises(Unreachable, match=r"more than once.*DAVYLAMP_PROMETHEUS_SELECTOR"):
        both.read(candidate("twice"))


def test_a_selector_that_is_no_promql_is_named(server: PrometheusServer) -> None:
    source = PrometheusSource(server.connect(), selector="job=envoy")
    with pytest.raises(Unreachable, match=r"parse error.*DAVYLAMP_PROMETHEUS_SELECTOR"):
        source.read(candidate("a"))
