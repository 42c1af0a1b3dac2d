"""One YAML file into located values. Any bytes whatever give values or problems."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from davylamp.catalog.located import Located, Scalar
from davylamp.catalog.problem import Place, Problem, field_name, problem

MOST_BYTES = 1_000_000
MOST_VALUES = 20_000
"""More than any service has; stops files whose aliases multiply."""
MOST_DEPTH = 40
_TAG = "tag:yaml.org,2002:"
_TEXT = (_TAG + "str", _TAG + "timestamp")
_SCALARS = (*_TEXT, _TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null")


def read_file(file: Path) -> tuple[Located | None, list[Problem]]:
    """The file's mapping, or what is wrong with it; both where parts of it are of use."""
    start = Place(file)
    try:
        with file.open("rb") as source:
            content = source.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        return None, [problem(start, "", f"cannot be read: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return None, [problem(Place(file, line), "", "is not UTF-8 text")]
    if len(content) > MOST_BYTES:
        return None, [problem(start, "", f"is larger than {MOST_BYTES:,} bytes")]
    return _read_text(text, start)


def _read_text(text: str, start: Place) -> tuple[Located | None, list[Problem]]:
    reader = _Reader(start.file)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        found = reader.located(node, start, ()) if node is not None else None
    except yaml.YAMLError as error:
        return None, [_syntax(error, text, start.file)]
    except (RecursionError, _TooMuch):
        return None, [problem(start, "", "is nested too deeply, or has too many values")]
    except (ValueError, IndexError, OverflowError) as error:
        return None, [problem(start, "", f"is not valid YAML: {error}")]
    if found is None:
        return None, [problem(start, "", "is empty: it must say at least `name`")]
    if not isinstance(found.value, dict):
        return None, [*reader.problems, problem(start, "", "must be a mapping of fields")]
    return found, reader.problems


class _TooMuch(Exception):
    """A file that would take more than any catalog needs."""


@dataclass
class _Reader:
    file: Path
    problems: list[Problem] = field(default_factory=list[Problem])
    _count: int = 0

    def located(self, node: Any, at: Place, path: tuple[int | str, ...]) -> Located:
        self._count += 1
        if self._count > MOST_VALUES or len(path) > MOST_DEPTH:
            raise _TooMuch
        if isinstance(node, yaml.MappingNode):
            return Located(self._fields(node, path), at)
        if isinstance(node, yaml.SequenceNode):
            items = [
                self.located(item, self._place(item), (*path, number))
                for number, item in enumerate(node.value)
            ]
            return Located(items, at)
        return Located(self._scalar(node, path), at)

    def _fields(self, node: yaml.MappingNode, path: tuple[int | str, ...]) -> dict[str, Located]:
        fields: dict[str, Located] = {}
        for key, value in node.value:
            at = self._place(key)
            name = self._key(key, path)
            if name is None:
                continue
            found = self.located(value, at, (*path, name))
            if name in fields:
                first = fields[name].at.line
                self._note(at, (*path, name), f"is said twice, first in line {first}")
            else:
                fields[name] = found
        return fields

    def _key(self, key: Any, path: tuple[int | str, ...]) -> str | None:
        if isinstance(key, yaml.ScalarNode) and key.tag in _TEXT:
            return str(key.value)
        if isinstance(key, yaml.ScalarNode) and key.tag == _TAG + "merge":
            why = "merge keys (<<) are not read; what services share belongs in _defaults.yaml"
        else:
            why = "the name of a field must be text; put it in quotes"
        self._note(self._place(key), path, why)
        return None

    def _scalar(self, node: Any, path: tuple[int | str, ...]) -> Scalar:
        at = self._place(node)
        if node.tag not in _SCALARS:
            self._note(at, path, f"the YAML tag {node.tag!r} is not read")
            return None
        if node.tag in _TEXT:
            return str(node.value)
        value = _constructed(node)
        if value is _WRONG or (isinstance(value, float) and not math.isfinite(value)):
            self._note(at, path, f"{node.value!r:.40} is not a usable value")
            return None
        return value

    def _place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _note(self, at: Place, path: tuple[int | str, ...], message: str) -> None:
        self.problems.append(problem(at, field_name(path), message))


_WRONG: Any = object()


def _constructed(node: yaml.ScalarNode) -> Any:
    """A number, a truth value or null as YAML 1.1 reads it; `_WRONG` where the tag lies."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType]
    except (yaml.YAMLError, ValueError, KeyError, IndexError, OverflowError):
        return _WRONG
    finally:
        loader.dispose()


def _syntax(error: yaml.YAMLError, text: str, file: Path) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        at = Place(file, error.problem_mark.line + 1, error.problem_mark.column + 1)
        said = ", ".join(part for part in (error.context, error.problem) if part)
    else:
        offset = getattr(error, "position", 0)
        at = Place(file, text.count("\n", 0, offset) + 1)
        said = str(getattr(error, "reason", error))
    return problem(at, "", f"is not valid YAML: {said}")
