"""Is the candidate worse? Pure functions over arrays.

Nouns: Sample, Series, Evidence, Verdict. No clock, no environment, no logging, nothing of
the engine but plain values.
"""

from __future__ import annotations

from davylamp.judge.hearing import judge

__all__ = ["judge"]
