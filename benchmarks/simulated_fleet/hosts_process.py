"""The hosts of a simulated fleet in a process of their own: `python -m … hosts_process FILE`.

So that what is measured of an audit is not its copies' work too. The file holds what they say; when
it is replaced, they say something else.
"""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.simulated_fleet.parts import SimulatedHosts, Told
from benchmarks.simulated_fleet.tiny_http import Answer, Request, loopback_socket, serve

_END_SECONDS = 10.0


class HostsOfFile(SimulatedHosts):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file, self._read_at = file, 0

    def answer(self, request: Request) -> Answer:
        changed = self._file.stat().st_mtime_ns if self._file.exists() else 0
        if changed != self._read_at:
            self._read_at, self.told = changed, pickle.loads(self._file.read_bytes())
        return super().answer(request)


def write_told(file: Path, told: Told) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(pickle.dumps(told))
    new.replace(file)


@contextmanager
def hosts_process(file: Path) -> Generator[int]:
    """Gives the port."""
    argv = [sys.executable, "-m", __name__, str(file)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


def main() -> None:
    listening = loopback_socket()
    print(listening.getsockname()[1], flush=True)
    asyncio.run(serve(listening, HostsOfFile(Path(sys.argv[1])).answer))


if __name__ == "__main__":
    main()
