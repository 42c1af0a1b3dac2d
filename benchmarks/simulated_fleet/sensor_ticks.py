"""What a tick of `new_image` costs, as Dagster calls it: YAML catalog, HTTP registry, ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psutil
import yaml

from benchmarks.simulated_fleet.names import digest_of, service_name
from benchmarks.simulated_fleet.registry import registry_process
from benchmarks.simulated_fleet.servers import Server
from davylamp.ledger.inventory import set_stable
from davylamp.rollout.engine import Engine
from davylamp.settings import Settings, load_settings
from release_defs.definitions import defs
from sensors import tag_pages
from sensors.new_image import new_image

_LAST = "1.29.0"
"""The newest version the registry has of each service at first."""
NEW = 10


@dataclass(frozen=True)
class Ticks:
    """Seconds a tick, by what was new."""

    first: float
    """In a process that has read nothing before, with a cursor: as after a restart."""
    warm: float
    with_news: float
    """When so many repositories have a new version."""
    memory_mb: float
    """By which the process grew."""
    cursor_kb: float


def measure(server: Server, services: int, *, rounds: int, etags: bool = True) -> Ticks:
    folder = server.folder / f"catalog-{services}-{etags}"
    _write_catalog(folder, services)
    _write_stable(server, services)
    cursor = json.dumps(
        {service_name(n): [_LAST, _digest(n, _LAST)] for n in range(services)},
        separators=(",", ":"),
    )
    with registry_process(services, etags=etags) as url:
        engine = _engine(server, folder, url)
        tag_pages._kept.clear()
        before = psutil.Process().memory_info().rss
        with _instance() as instance:
            first, result = _tick(engine, instance, cursor)
            _check(result, 0)
            warm = min(_nothing_new(engine, instance, cursor) for _ in range(rounds))
            for number in range(NEW):
                httpx.get(f"{url}/simulated/push/{number}", trust_env=False).raise_for_status()
            with_news, result = _tick(engine, instance, cursor)
            _check(result, NEW)
        grown = psutil.Process().memory_info().rss - before
    return Ticks(first, warm, with_news, grown / 1e6, len(cursor) / 1e3)


def _nothing_new(engine: Engine, instance: dg.DagsterInstance, cursor: str) -> float:
    seconds, result = _tick(engine, instance, cursor)
    _check(result, 0)
    return seconds


def _tick(engine: Engine, instance: dg.DagsterInstance, cursor: str) -> tuple[float, Any]:
    repository = defs.get_repository_def()
    start = time.perf_counter()
    context = dg.build_sensor_context(cursor=cursor, instance=instance, repository_def=repository)
    result = new_image(context, engine=engine)
    return time.perf_counter() - start, result


def _check(result: Any, news: int) -> None:
    assert isinstance(result, dg.SensorResult), result
    assert len(result.run_requests or ()) == news, result.skip_reason


@contextmanager
def _instance() -> Generator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


def _engine(server: Server, folder: Path, registry_url: str) -> Engine:
    settings = load_settings(
        home=server.folder, catalog=folder, registry_url=registry_url, ledger_url=server.url
    )

    class SimulatedEngine(Engine):
        def settings(self) -> Settings:
            return settings

    return SimulatedEngine()


def _digest(number: int, version: str) -> str:
    return digest_of(f"shop/{service_name(number)}:{version}")


def _write_stable(server: Server, services: int) -> None:
    with server.ledger.begin() as db:
        for number in range(services):
            digest = _digest(number, _LAST)
            name = service_name(number)
            set_stable(db, name, digest=digest, version=_LAST, image=name, release_id=1)


def _write_catalog(folder: Path, services: int) -> None:
    folder.mkdir(exist_ok=True)
    defaults = {
        "owner": "simulation",
        "release": {"steps": [{"share": 0.05, "seconds": 60}, {"share": 1.0, "seconds": 60}]},
    }
    (folder / "_defaults.yaml").write_text(yaml.safe_dump(defaults))
    for number in range(services):
        name = service_name(number)
        entry = {
            "name": name,
            "image": {"repository": f"shop/{name}"},
            "route": {"hosts": [f"{name}.localhost"]},
            "environment": {"SHOP_MODE": "usual"},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(entry))
