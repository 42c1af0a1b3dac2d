"""Before any user meets the candidate: verify, guard, start."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from davylamp.errors import BadInput, DavylampError, Unreachable
from davylamp.rollout.engine import Engine
from release_defs.ops.claim import Claim, claim_of, conducting, taking_back
from sensors.names import NEW_IMAGE, OUTCOME_TAG, SERVICE_TAG, SKIPPED

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


@dg.op(out=dg.Out(Claim, is_required=False))
def verify_build(
    context: dg.OpExecutionContext, config: ReleaseConfig, engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Write the release down and take the route; check signature, contract, digests, history.

    Asked for by the sensor, a build that has had its release ends the run here, in green."""
    from davylamp.rollout.conduct.conduct import ReleasedBefore

    context.instance.add_run_tags(context.run_id, {SERVICE_TAG: config.service.strip()})
    try:
        output = _verify(context, config, engine)
    except ReleasedBefore as before:
        context.log.info(f"nothing to do: {before}")
        context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: SKIPPED})
        return
    except DavylampError as error:
        _refuse(context, config, engine, error)
        raise dg.Failure(f"refused: {error}", allow_retries=False) from error
    yield output


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


def _verify(
    context: dg.OpExecutionContext, config: ReleaseConfig, engine: Engine
) -> dg.Output[Claim]:
    with engine.parts() as parts:
        conduct = _open(context, config, parts)
        with taking_back(context, conduct):
            stage = conduct.verify()
    document = stage.document
    metadata = {
        "release": conduct.release_id,
        "version": document["version"],
        "digest": document["digest"],
        "contract": dg.MetadataValue.json(document["contract"]),
    }
    return dg.Output(claim_of(conduct, stage.reason), metadata=metadata)


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
        once=_is_from_sensor(context, config),
    )


def _is_from_sensor(context: dg.OpExecutionContext, config: ReleaseConfig) -> bool:
    """A run somebody executes again in Dagster has the sensor's configuration, and was asked for
    by hand."""
    return config.requested_by == NEW_IMAGE and context.run.parent_run_id is None


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
