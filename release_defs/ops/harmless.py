"""What only shows a release must never end it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dagster as dg


@contextmanager
def harmless(context: dg.OpExecutionContext) -> Iterator[None]:
    """Go on after this whatever fails within it; the run's log says what did."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        complain(context, error)


def complain(context: dg.OpExecutionContext, error: BaseException) -> None:
    with suppress(Exception):  # what can't be logged can't be told anywhere
        context.log.warning(f"the release can't be shown as it is: {error!r}")
