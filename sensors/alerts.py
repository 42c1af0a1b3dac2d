"""`alerts`: what an audit found goes out to the webhook that wants to know."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Sends the notices that audits have written (DAVYLAMP_ALERT_URL), and tries again what "
        "failed, ever more rarely. `davylamp audit alerts` shows the outbox. Starts no run."
    ),
)
def alerts(context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]) -> dg.SkipReason:
    settings = engine.settings()
    if not settings.alert_url:
        return dg.SkipReason("nobody wants to be told: DAVYLAMP_ALERT_URL is not set")
    from davylamp.audit.alerts.send import send_pending

    try:
        with engine.ledger() as ledger:
            sent = send_pending(ledger, settings)
    except DavylampError as error:
        return dg.SkipReason(f"nothing was sent: {error}")
    if sent.given_up:
        context.log.error(f"{sent.given_up} notices were given up: `davylamp audit alerts`")
    return dg.SkipReason(f"{sent.delivered} delivered, {sent.failed} to be tried again")
