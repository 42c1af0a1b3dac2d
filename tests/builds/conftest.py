"""A registry of either kind, images made by hand, and a server that says what it is told to."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.open import open_registry
from davylamp.builds.protocol import Registry
from davylamp.builds.signature import TrustedKey, generate_keys, load_trusted_keys

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
CONTRACT = "dev.davylamp.contract"
VERSION = "org.opencontainers.image.version"


# --- registries ---------------------------------------------------------------------------


@dataclass
class RunningRegistry:
    """Debian's docker-registry on a free port, with its storage where a test can damage it."""

    url: str
    storage: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def start_docker_registry(folder: Path, more: str = "") -> RunningRegistry:
    binary = shutil.which("docker-registry") or "/usr/bin/docker-registry"
    if not Path(binary).exists():
        pytest.skip("docker-registry is missing: `apt-get install docker-registry`")
    folder.mkdir(parents=True, exist_ok=True)
    storage, log = folder / "storage", folder / "log"
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {storage}}}}}\n"
        f'http: {{addr: "127.0.0.1:0", secret: none}}\n{more}'
    )
    with log.open("wb") as opened:
        process = subprocess.Popen([binary, "serve", str(config)], stdout=opened, stderr=opened)
    ends = time.monotonic() + 20
    while time.monotonic() < ends and process.poll() is None:
        found = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return RunningRegistry(f"http://{found[1]}", storage, process)
        time.sleep(0.02)
    process.kill()
    process.wait(10)
    raise AssertionError(f"docker-registry did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    running = start_docker_registry(tmp_path_factory.mktemp("registry"))
    yield running
    running.stop()


@pytest.fixture
def make_docker_registry(tmp_path: Path) -> Iterator[Callable[[str], RunningRegistry]]:
    """Start another docker-registry, with more lines in its configuration."""
    started: list[RunningRegistry] = []

    def make(more: str) -> RunningRegistry:
        started.append(start_docker_registry(tmp_path / f"registry-{len(started)}", more))
        return started[-1]

    yield make
    for one in started:
        one.stop()


@pytest.fixture(params=["layout", pytest.param("http", marks=pytest.mark.server)])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "http":
        return request.getfixturevalue("docker_registry").url
    return f"oci-layout://{tmp_path / 'layout'}"


@pytest.fixture
def registry(registry_url: str) -> Iterator[Registry]:
    opened = open_registry(registry_url)
    yield opened
    opened.close()


@pytest.fixture
def repository() -> str:
    """A repository of this test's own: the registry is shared by the session."""
    return f"shop/checkout-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def blob_file(
    request: pytest.FixtureRequest, registry_url: str, repository: str, tmp_path: Path
) -> Callable[[str], Path]:
    """Where the registry keeps a blob, so that a test can damage it there."""

    def find(digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        if registry_url.startswith("oci-layout"):
            return tmp_path / "layout" / repository / "blobs/sha256" / name
        storage = request.getfixturevalue("docker_registry").storage
        return storage / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"

    return find


# --- keys ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keys:
    private: Path
    trusted: tuple[TrustedKey, ...]

    @property
    def fingerprint(self) -> str:
        return self.trusted[0].fingerprint


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    private, _ = generate_keys(tmp_path / "keys")
    return Keys(private, load_trusted_keys(tmp_path / "keys"))


@pytest.fixture
def strange_keys(tmp_path: Path) -> Keys:
    private, _ = generate_keys(tmp_path / "strange-keys")
    return Keys(private, load_trusted_keys(tmp_path / "strange-keys"))


# --- images made by hand ------------------------------------------------------------------


def sha256(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


@dataclass
class Craft:
    """Makes images byte by byte, whatever is wrong with them, and pushes them."""

    registry: Registry
    repository: str
    scratch: Path

    def tar(self, *entries: tuple[Any, ...]) -> bytes:
        """Entries: (name, bytes), (name, "dir"), (name, "link"|"hard"|…, target)."""
        kinds = {
            "dir": tarfile.DIRTYPE,
            "link": tarfile.SYMTYPE,
            "hard": tarfile.LNKTYPE,
            "device": tarfile.CHRTYPE,
            "block": tarfile.BLKTYPE,
            "pipe": tarfile.FIFOTYPE,
        }
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as tar:
            for name, content, *link in entries:
                entry = tarfile.TarInfo(name)
                if isinstance(content, bytes):
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
                else:
                    entry.type = kinds[content]
                    entry.linkname = link[0] if link else ""
                    tar.addfile(entry)
        return target.getvalue()

    def pax(self, name: str, headers: Mapping[str, str]) -> bytes:
        """One file of one byte, with extended headers of any content."""
        target = io.BytesIO()
        records = b""
        for key, value in headers.items():
            text = f" {key}={value}\n".encode()
            length = next(
                n for n in range(len(text), len(text) + 9) if n == len(f"{n}") + len(text)
            )
            records += str(length).encode() + text
        with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for kind, named, content in ((b"x", "x", records), (b"0", name, b"1")):
                entry = tarfile.TarInfo(named)
                entry.type, entry.size = kind, len(content)
                tar.addfile(entry, io.BytesIO(content))
        return target.getvalue()

    def blob(self, raw: bytes) -> str:
        digest = sha256(raw)
        file = self.scratch / "blob"
        file.write_bytes(raw)
        self.registry.push_blob(self.repository, file, digest)
        return digest

    def describe(self, raw: bytes, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": self.blob(raw), "size": len(raw)}

    def push(
        self,
        *layers: bytes,
        tag: str = "1.0.0",
        labels: Mapping[str, str] | None = None,
        run: Mapping[str, Any] | None = None,
        compress: Callable[[bytes], bytes] = gzip.compress,
        diff_ids: Sequence[str] | None = None,
        edit: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> str:
        """Push an image of tar layers under a tag; `edit` may falsify the manifest first."""
        config = {
            # Blobs are shared by the registry's repositories: what a test damages must be its own.
            "author": self.repository,
            "os": "linux",
            "architecture": "amd64",
            "config": {
                "Entrypoint": ["python3", "server.py"],
                "Labels": {CONTRACT: "{}", VERSION: "1.0.0"} if labels is None else dict(labels),
                **(run or {}),
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [sha256(one) for one in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.describe(json.dumps(config).encode(), CONFIG_TYPE),
            "layers": [self.describe(compress(one), LAYER_TYPE) for one in layers],
        }
        edit(manifest)
        raw = json.dumps(manifest).encode()
        return self.registry.push_manifest(self.repository, tag, raw, MANIFEST_TYPE)

    def sound(self, tag: str = "1.0.0", **given: Any) -> str:
        return self.push(
            self.tar(("app/server.py", f"# {self.repository}\n".encode())), tag=tag, **given
        )


@pytest.fixture
def craft(registry: Registry, repository: str, tmp_path: Path) -> Craft:
    return Craft(registry, repository, tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder an image can be built from."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "davylamp.yaml").write_text(
        "entrypoint: [python3, server.py]\n"
        "contract: {flags: [new-checkout], api_versions: ['2026-01-01']}\n"
        "environment: {MODE: shop, LEVEL: info}\n"
    )
    (folder / "server.py").write_text("print('hello')\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "prices.py").write_text("PRICE = 3\n")
    return folder


# --- a server that lies -------------------------------------------------------------------


@dataclass
class Asked:
    """A request as the scripted server got it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass
class Said:
    """What the scripted server answers; chunks are written one by one."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedServer:
    url: str
    asked: list[Asked]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Asked], Said]], ScriptedServer]]:
    """Start an HTTP server that answers by a function of the test's: it may lie."""
    started: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Callable[[Asked], Said]) -> ScriptedServer:
        asked: list[Asked] = []

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
                said = answer(asked[-1])
                try:
                    self._say(said)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def _say(self, said: Said) -> None:
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if isinstance(said.body, bytes) and "Content-Length" not in said.headers:
                    self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                for chunk in (said.body,) if isinstance(said.body, bytes) else said.body:
                    self.wfile.write(chunk)
                    self.wfile.flush()

            do_GET = do_HEAD = do_POST = do_PUT = _do

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        started.append((server, thread))
        return ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}", asked)

    yield start
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def said() -> type[Said]:
    return Said
