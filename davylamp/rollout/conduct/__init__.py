"""Carrying decisions out: the only place of the engine with effects on a release.

A `Conduct` is one release from its first row to its end. Its stages are called in order by
whoever drives the release (a Dagster run, the command line, a test); each may be called in
another object of the same process (`Conduct.resume`).
"""

from davylamp.rollout.conduct.conduct import Conduct
from davylamp.rollout.conduct.session import Ending, Stage
from davylamp.rollout.conduct.watch import OnTick, Tick

__all__ = ["Conduct", "Ending", "OnTick", "Stage", "Tick"]
