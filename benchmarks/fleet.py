"""What a fleet of hundreds of services costs: sensors, audits, releases, and what is left of them.

Platform, routers, users and the registry are simulated (`simulated_fleet`), behind the engine's own
protocols; the registry answers over HTTP from a process of its own. PostgreSQL, catalog, sensors
and all that decides are real.
"""

from __future__ import annotations

from benchmarks.plane import say
from benchmarks.report import Figure, Report
from benchmarks.simulated_fleet import (
    a_day,
    a_month,
    audit_runs,
    audits,
    dagster_storage,
    keeping,
    sensor_ticks,
)
from benchmarks.simulated_fleet.servers import server
from benchmarks.simulated_fleet.world import Size
from davylamp.ledger.retention import Keep
from davylamp.settings import load_settings

REPOSITORIES = (500, 2_000)
TICK_SECONDS = 2.0
"""Aim for 500 repositories."""
AUDIT_SECONDS = 1.0
"""Aim for 500 × 20, from inventory to findings."""
KEEPER_SECONDS = 1.0
"""It is to be done every second."""
A_DAY = 10_000
REPLICAS = 20

_GIB = 2**30


def run(quick: bool) -> Report:
    figures = [*_sensor(quick), *_audit(quick), *_keeper(quick), *_releases(quick)]
    ran = (
        "one process beside PostgreSQL and, for the sensor, a registry; releases go by the default "
        "plan and by a clock that whoever waits moves on; 1 in 10 is bad; a month is 30 days "
        "tidied once a day"
    )
    return Report("A simulated fleet", tuple(figures), ran)


def _sensor(quick: bool) -> list[Figure]:
    found: list[Figure] = []
    with server() as ours:
        for count in REPOSITORIES[:1] if quick else REPOSITORIES:
            say(f"new_image over {count} repositories")
            ticks = sensor_ticks.measure(ours, count, rounds=1 if quick else 5)
            aim = TICK_SECONDS * count / REPOSITORIES[0]
            what = f"new_image, {count:,} repositories"
            found += [
                Figure(f"{what}: first tick of a process", ticks.first, "s", aim),
                Figure(f"{what}: nothing new", ticks.warm, "s", aim),
                Figure(f"{what}: {sensor_ticks.NEW} new", ticks.with_news, "s", aim),
                Figure(f"{what}: memory it took", ticks.memory_mb, "MB"),
                Figure(f"{what}: its cursor", ticks.cursor_kb, "KB"),
            ]
        if not quick:
            say("new_image where the registry gives no ETags")
            plain = sensor_ticks.measure(ours, REPOSITORIES[0], rounds=3, etags=False)
            what = f"new_image, {REPOSITORIES[0]:,} repositories without ETags: nothing new"
            found.append(Figure(what, plain.warm, "s", TICK_SECONDS))
    return found


def _audit(quick: bool) -> list[Figure]:
    size = Size(60, 5, databases=8) if quick else Size(500, REPLICAS, databases=100)
    say(f"an audit of {size.services} × {size.replicas} from asking everybody to its findings")
    with server() as ours:
        cost = audits.measure(ours, size)
    say("the same as Dagster's assets")
    with server() as ours:
        run = audit_runs.measure(ours, size, 1 if quick else 3)
    what = f"audit of {size.services} × {size.replicas}"
    asked = size.services * size.replicas
    return [
        Figure(f"{what}: asking {asked:,} copies, {size.databases} databases", cost.gather, "s"),
        Figure(f"{what}: from inventory to findings", cost.findings, "s", AUDIT_SECONDS),
        Figure(f"{what}: memory it took", cost.memory_mb, "MB"),
        Figure(f"{what}: of {cost.planted} planted findings missed", cost.missed, "", 0),
        Figure(f"{what}: false ones, or found twice", cost.false, "", 0),
        Figure(f"{what}: a run of its assets, all in all", run.seconds, "s"),
        Figure("  in Dagster: events", run.events),
        Figure("  in Dagster: bytes", run.bytes / 1024, "KiB"),
        Figure("  one a minute: growth a day without tidying", run.bytes * 1_440 / _GIB, "GiB"),
    ]


def _keeper(quick: bool) -> list[Figure]:
    size = Size(60, 5, databases=0) if quick else Size(500, REPLICAS, databases=0)
    say("the keeper's second")
    with server() as ours:
        cost = keeping.measure(ours, size, rounds=2 if quick else 10)
    what = f"keeper's second, {size.services} × {size.replicas}, {cost.releases} releases"
    return [
        Figure(what, cost.seconds, "s", KEEPER_SECONDS),
        Figure("  of that CPU", cost.cpu_seconds, "s"),
        Figure("  and CPU of PostgreSQL", cost.postgres_cpu_seconds, "s"),
    ]


def _releases(quick: bool) -> list[Figure]:
    releases, days, a_day_of_the_month = (2, 8, 2) if quick else (10, 30, 10)
    with server() as ours:
        say(f"{releases} releases by the default plan, in a hurry")
        day = a_day.measure(ours, releases, REPLICAS)
        settings = load_settings()
        keep = Keep(
            settings.keep_samples_days, settings.keep_instances_days, settings.keep_audits_days
        )
        say(f"{days} days with retention")
        month = a_month.measure(ours, keep, days=days, releases_a_day=a_day_of_the_month)
    with server() as ours:
        say("runs of release_canary on PostgreSQL")
        runs = dagster_storage.measure(ours, 1 if quick else 2, REPLICAS)
    with server() as ours:
        say("the same, shown only at the end of its ops")
        plain = dagster_storage.measure(ours, 1, REPLICAS, show_seconds=0)
    in_dagster = [
        *_of_dagster(runs, "a run"),
        *_of_dagster(plain, "a run, DAVYLAMP_SHOW_SECONDS=0"),
    ]
    return [*_of_a_day(day), *in_dagster, *_of_a_month(month)]


def _of_a_day(day: a_day.DayCost) -> list[Figure]:
    total, each = day.bytes.total(), day.releases
    cpu = day.cpu_seconds + day.postgres_cpu_seconds
    return [
        Figure("a release: under way", day.lasted_seconds, "s"),
        Figure("a release: CPU of its driver", day.cpu_seconds, "s"),
        Figure("a release: CPU of PostgreSQL", day.postgres_cpu_seconds, "s"),
        Figure("a release: ledger rows", day.rows.total() / each),
        Figure("a release: ledger bytes", total / each / 1024, "KiB"),
        *(
            Figure(f"  {table}: {day.rows[table] / each:,.1f} rows", size / each / 1024, "KiB")
            for table, size in day.bytes.most_common(6)
        ),
        Figure(f"{A_DAY:,} a day: at once under way", day.lasted_seconds * A_DAY / 86_400),
        Figure(f"{A_DAY:,} a day: CPU of drivers and PostgreSQL, cores", cpu * A_DAY / 86_400),
        Figure(
            f"{A_DAY:,} a day: ledger grows by, without tidying", total / each * A_DAY / _GIB, "GiB"
        ),
        Figure("memory the driver took over all of them", day.memory_mb, "MB"),
    ]


def _of_dagster(runs: dagster_storage.StorageCost, what: str) -> list[Figure]:
    each = runs.bytes.total() / runs.runs
    return [
        Figure(f"{what} in Dagster: events", runs.rows["event_logs"] / runs.runs),
        Figure(f"{what} in Dagster: bytes", each / 1024, "KiB"),
        Figure(f"  {A_DAY:,} a day: growth without tidying", each * A_DAY / _GIB, "GiB"),
    ]


def _of_a_month(month: a_month.MonthCost) -> list[Figure]:
    """A table that was emptied keeps its pages until its end is empty: the size is a saw's."""
    days = len(month.by_day)
    most = max(month.of_releases(day) for day in range(days * 2 // 3, days))
    samples = max(day["samples"] for day in month.by_day)
    scale = A_DAY / month.releases_a_day / _GIB
    for_ever = month.kept_for_ever_bytes
    return [
        Figure(f"ledger after {days} days of {A_DAY:,}, tidied, at most", most * scale, "GiB"),
        Figure("  of that samples", samples * scale, "GiB"),
        Figure("a release leaves for ever", for_ever / 1024, "KiB"),
        Figure(f"  {A_DAY:,} a day: growth a day", for_ever * A_DAY / _GIB, "GiB"),
        Figure(f"audits of {days} days", month.by_day[-1]["audits"] / 2**20, "MiB"),
    ]
