"""A real Envoy, small services behind it, users before it, and controllers to kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy.engine import make_url

from davylamp.catalog.model import Catalog, Image, Route, Service
from davylamp.judge.sample import Role
from davylamp.ledger import inventory, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.intent import RouteIntent, ServiceRoute
from davylamp.ledger.session import Ledger
from davylamp.plane.ports import free_port
from davylamp.settings import Settings
from davylamp.traffic.effective import Weights
from davylamp.traffic.envoy.admin import Admin
from davylamp.traffic.envoy.bootstrap import envoy_command
from davylamp.traffic.envoy.router import EnvoyRouter
from davylamp.traffic.envoy.rtds import RtdsServer
from tests.forked import Forked
from tests.live_plane import ROOT


def wait_until(true: Callable[[], Any], seconds: float = 15.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or true}")
        time.sleep(0.02)


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any], seconds: float = 60.0) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        self.run(self._end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)

    async def _end_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(eq=False)
class Backend:
    """A service's copy: says its name in `x-build`, and can be told to fail."""

    build: str
    threads: LoopThread
    mode: str = "ok"
    """ok, fail (503), hang (never answers), slow (0.2 s)."""
    requests: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def listen(self) -> Backend:
        async def start() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

        self.threads.run(start())
        return self

    def refuse(self) -> None:
        """Stop listening, and drop whoever asks on an open connection."""
        self.mode = "drop"
        self.threads.run(self._stop_listening())

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method = head.split(b" ", 1)[0].decode()
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if length:
                    await reader.readexactly(length)
                self.requests[method] += 1
                mode = self.mode
                if mode == "drop":
                    return
                if mode == "hang":
                    await asyncio.sleep(3600)
                if mode == "slow":
                    await asyncio.sleep(0.2)
                status = b"503 Nope" if mode == "fail" else b"200 OK"
                body = b"" if method == "HEAD" else self.build.encode()
                writer.write(
                    b"HTTP/1.1 %s\r\nx-build: %s\r\ncontent-length: %d\r\n\r\n%s"
                    % (status, self.build.encode(), len(self.build), body)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@pytest.fixture
def threads() -> Iterator[LoopThread]:
    found = LoopThread()
    yield found
    found.close()


@pytest.fixture
def backend(threads: LoopThread) -> Callable[..., Backend]:
    """`backend("1.0")` listens already."""

    def make(build: str, mode: str = "ok") -> Backend:
        return Backend(build, threads, mode).listen()

    return make


@dataclass
class EnvoyProcess:
    settings: Settings
    listener_port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    rtds_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener_port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    def start(self) -> EnvoyProcess:
        argv = envoy_command(
            self.settings,
            listener_port=self.listener_port,
            admin_port=self.admin_port,
            rtds_port=self.rtds_port,
        )
        with (self.settings.envoy_folder / "envoy.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        wait_until(self.is_ready, 30, what="envoy is ready")
        return self

    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.admin_url}/ready", timeout=1, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def stats(self, pattern: str) -> dict[str, Any]:
        answer = httpx.get(
            f"{self.admin_url}/stats",
            params={"format": "json", "filter": pattern},
            timeout=5,
            trust_env=False,
        )
        return {s["name"]: s["value"] for s in answer.json()["stats"] if "name" in s}

    def endpoint_counts(self, cluster: str) -> dict[str, int]:
        """Attempts on a cluster's endpoints by outcome, `rq_success` and `rq_error`."""
        answer = httpx.get(
            f"{self.admin_url}/clusters?format=json", timeout=5, trust_env=False
        ).json()
        found: Counter[str] = Counter()
        for one in answer["cluster_statuses"]:
            if one["name"] == cluster:
                for host in one.get("host_statuses", []):
                    for stat in host["stats"]:
                        found[stat["name"]] += int(stat.get("value", 0))
        return dict(found)

    def log(self) -> str:
        return (self.settings.envoy_folder / "envoy.log").read_text()


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[EnvoyProcess]:
    """An Envoy of this test's own, not started yet."""
    found = EnvoyProcess(Settings(home=tmp_path / "home"))
    yield found
    found.kill()


@dataclass
class Answers:
    """What users got."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    builds: Counter[str] = field(default_factory=Counter)
    last_seen: dict[str, float] = field(default_factory=dict)
    """When (monotonic) a build answered last."""


class Load:
    """Users who ask at a steady rate until told to stop. Each request has its own user."""

    def __init__(
        self, port: int, host: str, *, rate: float = 300, workers: int = 8, method: str = "GET"
    ) -> None:
        self._port, self._host, self._method = port, host, method
        self._pause = workers / rate
        self._ends = threading.Event()
        self.answers = Answers()
        self._threads = [
            threading.Thread(target=self._work, args=(n, workers), daemon=True)
            for n in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Answers:
        self._ends.set()
        for thread in self._threads:
            thread.join(20)
        return self.answers

    def _work(self, number: int, step: int) -> None:
        user = number
        due = time.monotonic()
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}", timeout=10, trust_env=False
        ) as client:
            while not self._ends.is_set():
                due += self._pause
                time.sleep(max(0.0, due - time.monotonic()))
                self._ask(client, user)
                user += step

    def _ask(self, client: httpx.Client, user: int) -> None:
        headers = {"host": self._host, "x-user-id": f"user-{user}"}
        try:
            answer = client.request(self._method, "/", headers=headers)
        except httpx.HTTPError as error:
            self.answers.failures.append(repr(error))
            return
        finally:
            self.answers.requests += 1
        build = answer.headers.get("x-build", "")
        self.answers.builds[build] += 1
        self.answers.last_seen[build] = time.monotonic()
        if answer.status_code >= 500:
            self.answers.failures.append(f"{answer.status_code} {build} {answer.text[:80]}")


@pytest.fixture
def load() -> Callable[..., Any]:
    """`with load(port, host) as running:` has users asking; `running.stop()` gives answers."""

    @contextmanager
    def begin(port: int, host: str, **how: Any) -> Iterator[Load]:
        found = Load(port, host, **how)
        try:
            yield found
        finally:
            found.stop()

    return begin


class User:
    """Somebody who asks once, or often."""

    def __init__(self, port: int, host: str = "checkout.shop") -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False
        )
        self._host = host

    def ask(
        self,
        user: str | None = None,
        *,
        method: str = "GET",
        cookie: str = "",
        build: str = "",
        host: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = {"host": host or self._host, **(headers or {})}
        if user is not None:
            sent["x-user-id"] = user
        if cookie:
            sent["cookie"] = cookie
        if build:
            sent["x-davylamp-build"] = build
        self._client.cookies.clear()
        return self._client.request(method, "/", headers=sent)

    def build(self, user: str | None = None, **how: Any) -> str:
        return self.ask(user, **how).headers.get("x-build", "")

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def ask(envoy: EnvoyProcess) -> Iterator[User]:
    found = User(envoy.listener_port)
    yield found
    found.close()


def a_service(name: str = "checkout", **route: Any) -> Service:
    hosts = route.pop("hosts", (f"{name}.shop",))
    return Service(
        name=name,
        owner="shop",
        image=Image(repository=f"shop/{name}"),
        route=Route(hosts=hosts, **route),
    )


@pytest.fixture
def service() -> Callable[..., Service]:
    """`service("checkout", shield=False)`: a catalog entry."""
    return a_service


@dataclass
class Rig:
    """The Envoy router of a test, in the hands of the test instead of a controller."""

    envoy: EnvoyProcess
    threads: LoopThread
    catalog: Catalog
    rtds: RtdsServer
    router: EnvoyRouter
    generation: int = 0
    routes: dict[str, ServiceRoute] = field(default_factory=dict)
    weights: dict[str, Weights] = field(default_factory=dict)
    ttl_seconds: float = 60.0

    def route(
        self,
        service: str = "checkout",
        *,
        stable: tuple[Backend, ...] = (),
        candidate: tuple[Backend, ...] = (),
        baseline: tuple[Backend, ...] = (),
        shares: tuple[float, float] = (0.0, 0.0),
        release_id: int | None = 7,
        seed: int = 42,
    ) -> bool:
        """Set one service's route and apply the fleet; was it confirmed?"""
        self.generation += 1
        given = {Role.STABLE: stable, Role.CANDIDATE: candidate, Role.BASELINE: baseline}
        endpoints = {
            role: tuple(b.address for b in backends) for role, backends in given.items() if backends
        }
        intent = RouteIntent(
            service, self.generation, 1, release_id, shares[0], shares[1], seed=seed
        )
        self.routes[service] = ServiceRoute(intent, endpoints)
        self.weights[service] = Weights(*shares, self.ttl_seconds, "test", release_id)
        confirmed = self.apply()
        return confirmed.get(service) == self.generation

    def share(self, candidate: float, baseline: float = 0.0, service: str = "checkout") -> bool:
        """Change only the shares."""
        old = self.routes[service]
        self.generation += 1
        intent = RouteIntent(
            service,
            self.generation,
            1,
            old.intent.release_id,
            candidate,
            baseline,
            seed=old.intent.seed,
        )
        self.routes[service] = ServiceRoute(intent, old.endpoints)
        self.weights[service] = Weights(
            candidate, baseline, self.ttl_seconds, "test", intent.release_id
        )
        return self.apply().get(service) == self.generation

    def apply(self) -> Mapping[str, int]:
        return self.threads.run(self.router.apply(dict(self.routes), dict(self.weights)))

    def lower(self) -> None:
        self.threads.run(self.router.lower(dict(self.weights)))


@pytest.fixture
def make_rig(envoy: EnvoyProcess, threads: LoopThread) -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(*services: Service, step_seconds: float = 3.0) -> Rig:
        catalog = Catalog(services={s.name: s for s in services or (a_service(),)})
        rtds = RtdsServer(envoy.rtds_port)

        async def start() -> EnvoyRouter:
            await rtds.start()
            admin = Admin(envoy.admin_url)
            return EnvoyRouter(
                envoy.settings.envoy_folder,
                admin,
                rtds,
                lambda: catalog,
                step_seconds=step_seconds,
            )

        found = Rig(envoy, threads, catalog, rtds, threads.run(start()))
        found.lower()
        if envoy.process is None:
            envoy.start()
        wait_until(lambda: rtds.connected, what="envoy asks for shares")
        made.append(found)
        return found

    yield make
    for one in made:
        threads.run(one.router.close())
        threads.run(one.rtds.stop())


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()


@dataclass
class Controller:
    """A traffic controller's process."""

    process: Forked
    log_file: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.log_file.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def has_said(self, event: str, **fields: Any) -> bool:
        return any(e.get("event") == event and fields.items() <= e.items() for e in self.events)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)


class Proxy:
    """A wire to a server, which can be cut, frozen, and healed."""

    def __init__(self, threads: LoopThread, url: str) -> None:
        self._threads = threads
        parsed = make_url(url)
        self._target = (parsed.host or "127.0.0.1", parsed.port or 5432)
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = threads.run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        self.url = parsed.set(host="127.0.0.1", port=port).render_as_string(False)

    def cut(self) -> None:
        """Drop all connections, and every new one at once."""

        async def drop() -> None:
            self._is_cut = True
            for writer in self._writers:
                writer.transport.abort()

        self._threads.run(drop())

    def freeze(self) -> None:
        """Keep connections, and let nothing through."""
        self._threads.loop.call_soon_threadsafe(self._flows.clear)

    def heal(self) -> None:
        self._is_cut = False
        self._threads.loop.call_soon_threadsafe(self._flows.set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        await asyncio.gather(
            self._copy(reader, back), self._copy(there, writer), return_exceptions=True
        )

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@pytest.fixture
def proxy(threads: LoopThread) -> Callable[[str], Proxy]:
    """`proxy(url)`: a wire to the server of that URL; its own URL is `.url`."""
    return lambda url: Proxy(threads, url)


@dataclass
class Stage:
    """A ledger, an Envoy and controllers: what a release finds in production."""

    envoy: EnvoyProcess
    ledger: Ledger
    ledger_url: str
    catalog: Path
    controllers: list[Controller] = field(default_factory=list)
    ttl_seconds: float = 2.0

    def controller(self) -> Controller:
        """Start one more controller."""
        home = self.envoy.settings.home
        environment = os.environ | {
            "DAVYLAMP_HOME": str(home),
            "DAVYLAMP_CATALOG": str(self.catalog),
            "DAVYLAMP_LEDGER_URL": self.ledger_url,
            "DAVYLAMP_ENVOY_ADMIN_URL": self.envoy.admin_url,
            "DAVYLAMP_RTDS_PORT": str(self.envoy.rtds_port),
            "DAVYLAMP_TTL_SECONDS": str(self.ttl_seconds),
        }
        log_file = home / f"controller-{len(self.controllers)}.log"
        log_file.touch()
        process = Forked("davylamp.traffic.controller", [], env=environment, cwd=ROOT, out=log_file)
        found = Controller(process, log_file)
        self.controllers.append(found)
        return found

    def copies(self, role: Role, *backends: Backend, release_id: int = 0) -> None:
        """Have these be the copies of a role, and all earlier ones stopped."""
        digest = f"sha256:{role.value}"
        with self.ledger.begin() as db:
            if role is Role.STABLE:
                inventory.set_stable(
                    db, "checkout", digest=digest, version="1", image="i", release_id=1
                )
            old = [i.id for i in inventory.instances_of(db, "checkout") if i.role is role]
            new = [
                Instance(
                    id=f"checkout-{role.value}-{b.port}",
                    service="checkout",
                    digest=digest,
                    role=role,
                    release_id=release_id,
                    state=InstanceState.READY,
                    address=b.address,
                )
                for b in backends
            ]
            inventory.assign(db, new)
            inventory.observe(db, new, whole_fleet=False)
            gone = [i for i in old if i not in {n.id for n in new}]
            inventory.mark_stopped(db, gone, "replaced")

    def take(self, release_id: int = 7, seed: int = 42, lease_seconds: float = 60) -> RouteIntent:
        with self.ledger.begin() as db:
            return routes.take_route(db, "checkout", release_id, seed, lease_seconds)

    def share(
        self, held: RouteIntent, candidate: float, baseline: float = 0.0, lease_seconds: float = 60
    ) -> RouteIntent:
        with self.ledger.begin() as db:
            return routes.set_shares(
                db,
                "checkout",
                held.fence,
                candidate=candidate,
                baseline=baseline,
                lease_seconds=lease_seconds,
                reason="a step",
            )

    def cut(self) -> RouteIntent:
        with self.ledger.begin() as db:
            return routes.cut_route(db, "checkout", "an operator cut it")

    def wait_confirmed(self, intent: RouteIntent, seconds: float = 20) -> None:
        def is_confirmed() -> bool:
            with self.ledger.begin() as db:
                now = routes.read_route(db, "checkout")
            return now is not None and now.confirmed_generation >= intent.generation

        wait_until(is_confirmed, seconds, f"generation {intent.generation} is confirmed")

    def candidate_at(self, share: float, *, lease_seconds: float = 60) -> RouteIntent:
        """Take the route and give the candidate a share; return once it is confirmed."""
        held = self.take(lease_seconds=lease_seconds)
        intent = self.share(held, share, lease_seconds=lease_seconds)
        self.wait_confirmed(intent)
        return intent


@pytest.fixture
def stage(
    envoy: EnvoyProcess, ledger: Ledger, postgres_url: str, tmp_path: Path
) -> Iterator[Stage]:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    entry = a_service().model_dump(mode="json", include={"name", "owner", "image", "route"})
    (catalog / "checkout.yaml").write_text(yaml.safe_dump(entry))
    envoy.settings.home.mkdir()
    found = Stage(envoy, ledger, postgres_url, catalog)
    yield found
    for controller in found.controllers:
        controller.end()
