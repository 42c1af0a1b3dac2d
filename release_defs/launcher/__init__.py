"""Starting runs fast: every run is forked from one process that has imported everything.

Nouns: the zygote (that process), worker (a run's process), address. What a worker executes is
Dagster's own `execute_run` command, unchanged.
"""

from release_defs.launcher.launcher import ZygoteRunLauncher

__all__ = ["ZygoteRunLauncher"]
