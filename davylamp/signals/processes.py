"""What the processes cost: CPU and memory of the copies behind each sample. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from davylamp.judge.sample import Role, Sample
from davylamp.ledger.instance import Instance, InstanceState

_RUNNING = frozenset({InstanceState.READY, InstanceState.UNREACHABLE})


def with_processes(samples: Sequence[Sample], instances: Sequence[Instance]) -> list[Sample]:
    """The same samples with `cpu_seconds`, `memory_bytes`, `instances` and `restarts` filled in.

    A sum with an unknown part is unknown. What digest a copy runs decides nothing here.
    """
    of_service: defaultdict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        of_service[instance.service].append(instance)
    return [_with(s, [i for i in of_service[s.service] if _plays(i, s)]) for s in samples]


def _plays(instance: Instance, sample: Sample) -> bool:
    """As the router has it: what a release promoted is stable, and its candidate still."""
    if sample.role is Role.STABLE:
        return instance.role is Role.STABLE
    if instance.release_id != sample.release_id:
        return False
    promoted = instance.role is Role.STABLE and sample.role is Role.CANDIDATE
    return instance.role is sample.role or promoted


def _with(sample: Sample, copies: Sequence[Instance]) -> Sample:
    running = [i for i in copies if i.state in _RUNNING]
    return replace(
        sample,
        cpu_seconds=_sum(i.cpu_seconds for i in running),
        memory_bytes=_sum(i.memory_bytes for i in running),
        instances=len(running),
        restarts=sum(i.restarts for i in copies),
    )


def _sum(parts: Iterable[float | None]) -> float | None:
    known = list(parts)
    total = 0.0
    for part in known:
        if part is None:
            return None
        total += part
    return total if known else None
