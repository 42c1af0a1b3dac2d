"""A registry over HTTP: tags with ETags, and manifests. `python -m … registry COUNT` serves it.

In a process of its own, so that what is measured of a sensor is not the registry's work too.
`/simulated/push/NUMBER` puts the next version of one service on it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from benchmarks.simulated_fleet.names import digest_of, service_name
from benchmarks.simulated_fleet.tiny_http import Answer, Request, loopback_socket, serve

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_BEGIN = 30
"""Tags a repository has at first: versions 1.0.0 … 1.29.0, each with its signature."""
_END_SECONDS = 10.0


class SimulatedRegistry:
    """What it would answer. `shop/svc-0001` is the repository of a service."""

    def __init__(self, services: int, *, etags: bool = True) -> None:
        self._versions = {f"shop/{service_name(n)}": _BEGIN for n in range(services)}
        self._etags = etags

    def push(self, number: int) -> None:
        self._versions[f"shop/{service_name(number)}"] += 1

    def answer(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path.startswith("/simulated/push/"):
            self.push(int(path.rpartition("/")[2]))
            return Answer()
        if path.startswith("/v2/") and path.endswith("/tags/list"):
            repository = path.removeprefix("/v2/").removesuffix("/tags/list")
            return self._tags(repository, request.headers.get("if-none-match", ""))
        if path.startswith("/v2/") and "/manifests/" in path:
            repository, _, reference = path.removeprefix("/v2/").partition("/manifests/")
            return self._manifest(repository, reference)
        return Answer(200 if path == "/v2/" else 404)

    def _tags(self, repository: str, known: str) -> Answer:
        count = self._versions.get(repository)
        if count is None:
            return Answer(404)
        headers = {"ETag": f'"{count}"', "Content-Type": "application/json"} if self._etags else {}
        if self._etags and known == headers["ETag"]:
            return Answer(304, headers=headers)
        versions = [f"1.{n}.0" for n in range(count)]
        signatures = [digest_of(f"{repository}:{v}").replace(":", "-") + ".sig" for v in versions]
        tags = {"name": repository, "tags": versions + signatures}
        return Answer(200, json.dumps(tags).encode(), headers)

    def _manifest(self, repository: str, reference: str) -> Answer:
        if repository not in self._versions:
            return Answer(404)
        body = json.dumps({"schemaVersion": 2, "mediaType": _MANIFEST, "for": reference}).encode()
        digest = digest_of(f"{repository}:{reference}")
        return Answer(200, body, {"Docker-Content-Digest": digest, "Content-Type": _MANIFEST})


@contextmanager
def registry_process(services: int, *, etags: bool = True) -> Generator[str]:
    """A registry in a process of its own; gives its URL."""
    argv = [sys.executable, "-m", __name__, str(services), "etags" if etags else "plain"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


def main() -> None:
    registry = SimulatedRegistry(int(sys.argv[1]), etags=sys.argv[2] == "etags")
    listening = loopback_socket()
    print(listening.getsockname()[1], flush=True)
    asyncio.run(serve(listening, registry.answer))


if __name__ == "__main__":
    main()
