"""Davylamp: a release platform in which a bad version hurts almost nobody.

The engine: plain Python. It never imports Dagster; `release_defs`, `assets` and `sensors`
call it, and so does the command line.
"""

__version__ = "0.1.0"
