"""Closing: what is shown of a release that has ended: how, by what evidence, with its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from assets.verdict import materialization
from davylamp.report.recall import deciding, recalled
from release_defs.ops.harmless import harmless
from release_defs.ops.metadata import (
    Metadata,
    figures_of,
    figures_of_verdict,
    plots_of,
    table_of_verdict,
)
from release_defs.ops.page import report_end

if TYPE_CHECKING:
    from davylamp.ledger.releases import Release
    from davylamp.report.plots.scene import Scene
    from davylamp.rollout.conduct import Conduct


def show_end(context: dg.OpExecutionContext, conduct: Conduct, release: Release) -> Metadata:
    """Figures, the verdict that decided, and plots. What can't be had is logged and left out:
    the release has ended, whatever is shown of it."""
    shown = figures_of(release)
    with harmless(context):
        for name, value in _evidence(conduct).items():
            shown.setdefault(name, value)
    scene = None
    with harmless(context):
        scene = _scene(conduct)
        shown |= _plots(scene)
    shown |= report_end(context, conduct.session.parts, release, scene)
    with harmless(context):
        context.log_event(materialization(release.service, release.reason, shown))
    return shown


def _scene(conduct: Conduct) -> Scene:
    from davylamp.report.gallery import Gallery

    session = conduct.session
    return Gallery.of(session.parts.ledger, conduct.release_id, session.service).scene()


def _plots(scene: Scene) -> Metadata:
    from davylamp.report.plots import draw

    return plots_of(draw(scene))


def _evidence(conduct: Conduct) -> Metadata:
    from davylamp.ledger.evidence import verdicts_of

    with conduct.session.parts.ledger.begin() as db:
        documents = verdicts_of(db, conduct.release_id)
    document = deciding(documents)
    if document is None:
        return {}
    verdict = recalled(document)
    return figures_of_verdict(verdict) | table_of_verdict(verdict)
