"""Before any user meets the candidate: verify, guard, start."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from davylamp.errors import BadInput, DavylampError, Unreachable
from davylamp.rollout.engine import Engine
from release_defs.ops.claim import Claim, claim_of, conducting, taking_back
from sensors.names import OUTCOME_TAG, SERVICE_TAG

if TYPE_CHECKING:
    from davylamp.rollout.conduct import Conduct
    from davylamp.rollout.parts import Parts


class ReleaseConfig(dg.Config):
    """What to release."""

    service: str = Field(description="Name of a service of the catalog, e.g. `checkout`.")
    image: str = Field(
        description="Version, tag or digest of a build of it: `1.2.0`, `sha256:…`, `1.2.0@sha256:…`"
        " or `shop/checkout:1.2.0`. A tag is resolved to its digest once, at the beginning."
    )
    requested_by: str = Field("Dagster UI", description="Who asks, for the record.")
    request_id: int | None = Field(
        None, description="Row of the ledger's inbox this run answers. Leave it out by hand."
    )


@dg.op
def verify_build(
    context: dg.OpExecutionContext, config: ReleaseConfig, engine: dg.ResourceParam[Engine]
) -> Claim:
    """Write the release down and take the route; check signature, contract, digests, history."""
    context.instance.add_run_tags(context.run_id, {SERVICE_TAG: config.service.strip()})
    try:
        with engine.parts() as parts:
            conduct = _open(context, config, parts)
            with taking_back(context, conduct):
                stage = conduct.verify()
    except DavylampError as error:
        _refuse(context, config, engine, error)
        raise dg.Failure(f"refused: {error}", allow_retries=False) from error
    document = stage.document
    context.add_output_metadata(
        {
            "release": conduct.release_id,
            "version": document["version"],
            "digest": document["digest"],
            "contract": dg.MetadataValue.json(document["contract"]),
        }
    )
    return claim_of(conduct, stage.reason)


@dg.op
def guard_contracts(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Claim:
    """Nothing incompatible ever meets: the candidate's contract against every build alive."""
    with conducting(context, engine, claim) as conduct:
        stage = conduct.guard()
    checked = ", ".join(stage.document["checked"]) or "none"
    context.add_output_metadata({"result": stage.reason, "builds alive": checked})
    return claim_of(conduct, stage.reason)


@dg.op
def start_instances(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Claim:
    """Start the candidate, and beside it a fresh baseline of the stable build."""
    with conducting(context, engine, claim) as conduct:
        stage = conduct.start()
    document = dg.MetadataValue.json(dict(stage.document))
    context.add_output_metadata({"result": stage.reason, "instances": document})
    return claim_of(conduct, stage.reason)


def _open(context: dg.OpExecutionContext, config: ReleaseConfig, parts: "Parts") -> "Conduct":
    from davylamp.rollout.conduct import Conduct

    service, image = config.service.strip(), config.image.strip()
    if not image:
        raise BadInput(f"no image: name a version, tag or digest of {service}, e.g. `1.2.0`")
    return Conduct.open(
        parts,
        service=service,
        image=image,
        requested_by=config.requested_by or "somebody",
        run_id=context.run_id,
        request_id=config.request_id,
    )


def _refuse(
    context: dg.OpExecutionContext, config: ReleaseConfig, engine: Engine, error: DavylampError
) -> None:
    """There is no release to end; whoever asked is told, if the ledger can be reached."""
    from davylamp.ledger import evidence

    context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: "refused"})
    if config.request_id is None:
        return
    try:
        with engine.ledger() as ledger, ledger.begin() as db:
            request = evidence.get_request(db, config.request_id)
            if request and request.release_id is None:
                evidence.answer_request(db, config.request_id, refused=str(error))
    except Unreachable as unreachable:
        context.log.warning(f"request {config.request_id} stays unanswered: {unreachable}")
