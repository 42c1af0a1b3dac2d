"""The plane's home: which file lies where."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from davylamp.errors import BadInput
from davylamp.settings import Settings

_SOCKET_PATH_LIMIT = 107
"""Bytes, by the kernel."""


@dataclass(frozen=True)
class Home:
    folder: Path
    """Absolute."""

    @classmethod
    def of(cls, settings: Settings) -> Home:
        return cls(Path(os.path.abspath(settings.home)))

    @property
    def lock(self) -> Path:
        return self.folder / "plane.lock"

    @property
    def record(self) -> Path:
        """Which processes the supervisor has started."""
        return self.folder / "processes.json"

    @property
    def ports(self) -> Path:
        return self.folder / "ports.json"

    @property
    def instances(self) -> Path:
        """Which copies of services are to run."""
        return self.folder / "instances.json"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def registry(self) -> Path:
        return self.folder / "registry"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def dagster(self) -> Path:
        return self.folder / "dagster"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens; under /tmp when the home's path is too long for one."""
        near = self.folder / "plane.sock"
        if len(os.fsencode(near)) <= _SOCKET_PATH_LIMIT:
            return near
        short = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(f"/tmp/davylamp-{os.geteuid()}-{short}/plane.sock")

    def make(self) -> None:
        """Make the folders; `BadInput` when that is not possible."""
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            (self.logs / "instances").mkdir(exist_ok=True)
            self._make_socket_folder()
        except OSError as error:
            raise BadInput(
                f"the plane's home {self.folder} cannot be used: {error}; "
                "set DAVYLAMP_HOME to a folder that can be written to"
            ) from error

    def _make_socket_folder(self) -> None:
        folder = self.socket.parent
        if folder == self.folder:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{folder} belongs to somebody else, or is open to others")
