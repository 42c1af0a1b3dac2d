"""What a release looks like: evidence of harm and of harmlessness over time, latency, errors.

`draw(scene)` makes a PNG of it, 900 pixels wide. It takes values and returns bytes: nothing in
here knows Dagster or the ledger.
"""

from davylamp.report.plots.picture import draw, figure_of
from davylamp.report.plots.scene import Mark, Scene

__all__ = ["Mark", "Scene", "draw", "figure_of"]
