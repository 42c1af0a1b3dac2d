"""The zygote: a preloaded, single-threaded process that forks a worker for each run.

`python -m release_defs.launcher.zygote [--socket PATH]`, in the project's folder, with
DAGSTER_HOME set. It ends with its parent, on SIGTERM and on SIGINT; its workers then take
their releases back.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from davylamp.errors import DavylampError, Refused, Unreachable
from davylamp.plane.processes import look_up
from release_defs.launcher import birth
from release_defs.launcher.address import zygote_socket
from release_defs.launcher.preload import preload
from release_defs.launcher.wire import check_peer, receive, send

GRACE_SECONDS = 25.0
"""How long workers may take to roll back when the zygote ends."""
_PARENT_CHECK_SECONDS = 1.0


class Zygote:
    """One listening socket, and the workers it has forked."""

    def __init__(self, path: Path) -> None:
        self._lock = _lock(path)
        self._path = path
        self._parent = os.getppid()
        self._workers: dict[int, str] = {}  # pid → its execute_run arguments
        self._undertakers: set[int] = set()
        self._stopping = False
        self._listener = _listen(path)
        self._woken, self._wake = socket.socketpair()

    def serve(self) -> None:
        """Fork what is asked for until told to end, or until the parent is gone."""
        self._take_signals()
        while not self._stopping and os.getppid() == self._parent:
            waiting = [self._listener, self._woken]
            ready, _, _ = select.select(waiting, [], [], _PARENT_CHECK_SECONDS)
            if self._woken in ready:
                self._woken.recv(4096)
            self._reap()
            if self._listener in ready:
                self._answer()
        self._end_workers()

    def _take_signals(self) -> None:
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(5.0)
            try:
                check_peer(connection)
                asked = receive(connection)
                if asked:  # a probe only knocks
                    arguments = str(asked["execute_run"])
                    send(connection, self._fork_worker(arguments, connection))
            except (OSError, ValueError, KeyError, DavylampError) as error:
                _say(f"a call failed: {error!r}")

    def _fork_worker(self, arguments: str, connection: socket.socket) -> dict[str, object]:
        try:
            pid = self._fork(lambda: birth.live(arguments), connection)
        except OSError as error:
            return {"error": str(error)}
        self._workers[pid] = arguments
        born = look_up(pid)  # it can't be gone: nobody but us may reap it
        if born is None:
            return {"error": f"/proc shows no process {pid}"}
        return {"pid": pid, "started_ticks": born.identity.started_ticks}

    def _fork(self, life: birth.Life, *to_close: socket.socket) -> int:
        """Fork a child that has nothing of the zygote's but its memory."""
        own = (self._listener, self._woken, self._wake, *to_close)
        signal.pthread_sigmask(signal.SIG_BLOCK, birth.INTERRUPTS)
        try:
            pid = os.fork()
            if pid == 0:
                open_ones = [s.fileno() for s in own if s.fileno() >= 0]
                birth.leave_home([*open_ones, self._lock])
                birth.run_to_end(life)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, birth.INTERRUPTS)
        return pid

    def _reap(self) -> None:
        while self._workers or self._undertakers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._undertakers.discard(pid)
            arguments = self._workers.pop(pid, None)
            code = os.waitstatus_to_exitcode(status)
            if arguments is not None and code != 0:
                self._bury(pid, code, arguments)

    def _bury(self, pid: int, code: int, arguments: str) -> None:
        """Say at once that a run is dead; run monitoring would see it seconds later."""
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        message = f"worker {pid} ended with {how}"
        _say(message)
        try:
            self._undertakers.add(self._fork(lambda: birth.report_death(arguments, message)))
        except OSError as error:
            _say(f"could not report it, run monitoring will: {error}")

    def _end_workers(self) -> None:
        self._listener.close()
        self._path.unlink(missing_ok=True)
        for pid in self._workers:
            os.kill(pid, signal.SIGINT)
        until = time.monotonic() + GRACE_SECONDS
        while (self._workers or self._undertakers) and time.monotonic() < until:
            select.select([self._woken], [], [], 0.2)
            self._reap()
        for pid in [*self._workers, *self._undertakers]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _lock(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"a zygote serves {path} already; end it first") from None
    return lock


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # we hold the lock: whoever made it is dead
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise Unreachable(f"can't listen on {path}: {error.strerror}") from error
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _say(what: str) -> None:
    print(f"zygote: {what}", file=sys.stderr, flush=True)


def run(socket_path: Annotated[str, typer.Option("--socket")] = "") -> None:
    """Preload everything and fork runs from it."""
    began = time.monotonic()
    path = zygote_socket(socket_path)
    preload()
    zygote = Zygote(path)
    _say(f"ready at {path} after {time.monotonic() - began:.1f} s")
    zygote.serve()


def main() -> NoReturn:
    try:
        typer.run(run)
    except DavylampError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    sys.exit(0)


if __name__ == "__main__":
    main()
