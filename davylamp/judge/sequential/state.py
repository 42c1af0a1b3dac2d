"""The judge's state as bytes: what it has heard, without hearing it again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from davylamp.judge.sequential.judges import Judges
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import Shape

_ABOUT = "about"


class WrongState(ValueError):
    """Bytes that are no state of this version of the judge."""


def dump(judges: Judges) -> bytes:
    """Shape, policy and every array, as a NumPy archive. Nothing in it is executed when read."""
    about = json.dumps({"shape": asdict(judges.shape), "policy": _plain(judges.policy)})
    arrays = {path: np.asarray(value) for path, _, _, value in _state_of(judges)}
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **{_ABOUT: np.array(about)}, **arrays)
    return out.getvalue()


def load(state: bytes) -> Judges:
    """A judge that goes on where `dump` was called. Raises `WrongState`."""
    try:
        with np.load(io.BytesIO(state), allow_pickle=False) as archive:
            found: dict[str, Any] = {name: archive[name] for name in archive.files}
        about = json.loads(str(found.pop(_ABOUT)))
        shape = about["shape"]
        for name in ("bounds_ms", "slice_bounds_ms"):
            shape[name] = tuple(shape[name])
        about["policy"]["ignored"] = tuple(about["policy"]["ignored"])
        judges = Judges(Shape(**shape), SequentialPolicy(**about["policy"]))
        places = {path: (owner, name, old) for path, owner, name, old in _state_of(judges)}
        if places.keys() != found.keys():
            raise WrongState(f"not the same parts: {sorted(places.keys() ^ found.keys())[:5]}")
        for path, (owner, name, old) in places.items():
            _put(owner, name, old, found[path], path)
    except WrongState:
        raise
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise WrongState(f"no state of the sequential judge ({error})") from error
    return judges


def _put(owner: object, name: str, old: Any, value: Any, path: str) -> None:
    if isinstance(old, int):
        setattr(owner, name, int(value))
        return
    expected: Any = getattr(old, "shape", ())
    if np.shape(value) != expected:
        raise WrongState(f"{path}: has shape {np.shape(value)}, must have {expected}")
    setattr(owner, name, value)


def _state_of(owner: object, prefix: str = "") -> Iterator[tuple[str, object, str, Any]]:
    """Path, owner, name and value of all that changes while the judge listens."""
    for name in vars(owner):
        value: Any = getattr(owner, name)
        path = f"{prefix}{name}"
        if _is_changeable(value):
            yield from _state_of(value, f"{path}.")
        elif _is_kept(value) and not name.startswith("_"):
            yield path, owner, name, value


def _is_kept(value: Any) -> bool:
    return isinstance(value, np.ndarray | int)


def _is_changeable(value: Any) -> bool:
    """Whether it is a dataclass that is not frozen."""
    parameters: Any = getattr(value, "__dataclass_params__", None)
    return parameters is not None and not parameters.frozen


def _plain(policy: SequentialPolicy) -> dict[str, Any]:
    return asdict(policy) | {"weights": dict(policy.weights)}
