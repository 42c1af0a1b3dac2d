"""What the zygote imports before it forks, so that no run has to."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path

from davylamp.errors import Refused

MODULES = (
    "dagster._cli",
    "dagster._grpc.impl",
    "dagster_postgres",
    "psycopg",
    "scipy.stats",
    "davylamp.rollout.conduct",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "release_defs.definitions",
    "release_defs.ops.metadata",
    "davylamp.report.plots",
    "davylamp.report.read_story",
    "davylamp.report.release_page",
)
_OURS = ("davylamp", "release_defs", "assets", "sensors")
_seen: dict[Path, float] = {}


def preload() -> None:
    """Import everything a run needs, and nothing that starts a thread.

    Raises `Refused` if something did: a fork would copy its locks and not the thread.
    """
    # one thread of linear algebra is enough for a judge, and a pool would not survive a fork
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in MODULES:
        importlib.import_module(name)
    _load_repository()
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise Refused(f"{len(threads)} threads run after the imports: forking would not be safe")
    _seen.update(_written_at())
    gc.collect()
    gc.freeze()  # a collection in a worker would touch, and so copy, every page


def code_has_changed() -> bool:
    """Was one of our own files written since it was imported?"""
    return any(_written(path) != at for path, at in _seen.items())


def _load_repository() -> None:
    """Resolve the definitions once: workers find jobs and snapshots in memory."""
    from release_defs.definitions import defs

    repository = defs.get_repository_def()
    for job in repository.get_all_jobs():
        job.get_job_snapshot_id()


def _written_at() -> dict[Path, float]:
    ours = [m for name, m in sys.modules.items() if name.split(".")[0] in _OURS]
    files = [Path(m.__file__) for m in ours if getattr(m, "__file__", None)]
    return {path: _written(path) for path in files}


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
