"""repair: all findings that somebody named, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from davylamp.errors import BadInput, Unreachable
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.action import ACTIONS
from davylamp.rollout.repair.carry_out import carry_out, plan
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.planned import Done, Planned, State


@dataclass(frozen=True)
class Wish:
    """Which findings are meant; '' for any."""

    code: str = ""
    service: str = ""
    instance: str = ""

    @property
    def is_named(self) -> bool:
        return bool(self.service or self.instance)

    def fits(self, finding: Mapping[str, Any]) -> bool:
        concern = Concern.of(finding)
        return (
            self.code in ("", concern.code)
            and self.service in ("", concern.service)
            and self.instance in ("", concern.instance)
        )

    def check(self, services: Collection[str], instances: Collection[str]) -> None:
        """Raises `BadInput` for what nobody has ever heard of: a slip of the pen must not read as
        «nothing to repair»."""
        known = {"code": ACTIONS.keys(), "service": services, "instance": instances}
        for name, names in known.items():
            value = getattr(self, name)
            if value and value not in names:
                some = ", ".join(sorted(names)[:20]) or "none at all"
                raise BadInput(f"{name} {value!r}: there is none of that name; there are {some}")


def repair(
    parts: Parts,
    findings: Iterable[Mapping[str, Any]],
    wish: Wish,
    *,
    do: bool,
    by: str,
    tell: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Plan what is to be done about the findings meant, and with `do`, do it; each is told as it
    ends. What is refused or fails keeps no other waiting; but once a part doesn't answer, the rest
    is left. Raises `Unreachable` before anything was done."""
    meant = [one for one in findings if wish.fits(one)]
    seen = parts.platform.instances() if meant else []
    planned = [plan(parts, one, wish.is_named, seen) for one in meant]
    done: list[Done] = []
    silent = ""
    for one in planned:
        if silent and one.state is State.PLANNED:
            ended = Done(one, State.FAILED, f"not begun: {silent}")
        elif do and one.state is State.PLANNED:
            ended, silent = _try(parts, one, by)
        else:
            ended = Done(one, one.state, one.said)
        done.append(ended)
        tell(ended)
    return done


def went_wrong(done: Iterable[Done]) -> list[Done]:
    """What was to be done, and isn't."""
    return [one for one in done if one.state in (State.REFUSED, State.FAILED)]


def _try(parts: Parts, planned: Planned, by: str) -> tuple[Done, str]:
    try:
        return carry_out(parts, planned, by), ""
    except Unreachable as error:
        return Done(planned, State.FAILED, str(error)), str(error)
