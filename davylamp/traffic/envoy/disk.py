"""What is on disk for Envoy, and how it changes without a request meeting a missing cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from davylamp.errors import BadInput
from davylamp.judge.sample import Role
from davylamp.traffic.envoy import names
from davylamp.traffic.envoy.clusters import addresses_of
from davylamp.traffic.envoy.config import (
    Fleet,
    Last,
    cds_document,
    empty_documents,
    rds_document,
    referenced_clusters,
)
from davylamp.traffic.envoy.files import CDS_FILE, RDS_FILE, read_document, write_document
from davylamp.traffic.envoy.sharing import Trial

Document = dict[str, Any]

_log: Any = structlog.get_logger("davylamp.traffic.envoy")
_CANDIDATE = re.compile(r"(?P<service>.+)_candidate_(?P<release>\d+)")


@dataclass
class Disk:
    """The two documents as they stand in the folder."""

    folder: Path
    clusters: dict[str, Document] = field(default_factory=dict[str, Document])
    cds_version: str = ""
    rds_version: str = ""
    referenced: set[str] = field(default_factory=set[str])
    hosts: dict[str, str] = field(default_factory=dict[str, str])
    _left_as: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @classmethod
    def read(cls, folder: Path) -> Disk:
        """Take up where whoever wrote last has left off."""
        found = cls(folder)
        empty_cds, empty_rds = empty_documents()
        found._remember_cds(_readable(folder / CDS_FILE) or empty_cds)
        found._remember_rds(_readable(folder / RDS_FILE) or empty_rds)
        return found

    def last(self) -> Last:
        """What stays where nothing better is known."""
        suffix = names.cluster_name("", Role.STABLE)
        stable = {n: addresses_of(c) for n, c in self.clusters.items() if n.endswith(suffix)}
        return Last(stable, self.hosts)

    def trials(self) -> dict[str, Trial]:
        """Releases the routes on disk can lead users to. Seeds are not known here."""
        found: dict[str, Trial] = {}
        for name in self.referenced & set(self.clusters):
            if match := _CANDIDATE.fullmatch(name):
                service, release = match["service"], int(match["release"])
                baseline = names.cluster_name(service, Role.BASELINE, release)
                found[service] = Trial(service, release, 0, baseline in self.referenced)
        return found

    def is_untouched(self) -> bool:
        """Are both files as they were left? Envoy follows whoever writes them."""
        return self._left_as == self._stamps()

    def write_clusters(self, fleet: Fleet, *, keep_referenced: bool) -> str:
        """Write the fleet's clusters, and those the routes on disk still lead to. Returns the
        version to be seen in Envoy."""
        wanted: Mapping[str, Document] = fleet.clusters
        if keep_referenced:
            kept = {n: c for n, c in self.clusters.items() if n in self.referenced}
            wanted = kept | fleet.clusters
        document = cds_document(wanted.values())
        write_document(self.folder / CDS_FILE, document)
        self._remember_cds(document)
        return self.cds_version

    def write_routes(self, fleet: Fleet) -> str:
        """Write the fleet's routes. Returns the version to be seen in Envoy."""
        document = rds_document(fleet.virtual_hosts)
        write_document(self.folder / RDS_FILE, document)
        self._remember_rds(document)
        return self.rds_version

    def _stamps(self) -> list[tuple[int, int]]:
        files = [self.folder / CDS_FILE, self.folder / RDS_FILE]
        found = [file.stat() for file in files if file.exists()]
        return [(stat.st_ino, stat.st_mtime_ns) for stat in found]

    def _remember_cds(self, document: Document) -> None:
        self.clusters = {c["name"]: c for c in document["resources"]}
        self.cds_version = document["version_info"]
        self._left_as = self._stamps()

    def _remember_rds(self, document: Document) -> None:
        self.referenced = referenced_clusters(document)
        self.rds_version = document["version_info"]
        virtual_hosts: list[Document] = document["resources"][0]["virtual_hosts"]
        self._left_as = self._stamps()
        self.hosts = {domain: host["name"] for host in virtual_hosts for domain in host["domains"]}


def _readable(file: Path) -> Document | None:
    """A file nobody can read is written anew: staying down over it would help nobody."""
    try:
        return read_document(file)
    except BadInput as error:
        _log.error("unreadable; it will be written anew", why=str(error))
        return None
