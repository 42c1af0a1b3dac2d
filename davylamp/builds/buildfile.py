"""`davylamp.yaml`: what a folder of files must say to become an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from davylamp.builds.contract import Contract
from davylamp.errors import BadInput

BUILD_FILE = "davylamp.yaml"


class BuildFile(BaseModel):
    """How the image is to be run, and what it promises. `contract: {}` promises nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entrypoint: tuple[str, ...] = Field(min_length=1)
    workdir: str = Field("/app", pattern="^/")
    contract: Contract
    environment: dict[str, str] = Field(default_factory=dict[str, str])
    include: tuple[str, ...] = ()
    """Folders beside this one whose files are packed too, e.g. `../common`."""


def read_build_file(folder: Path) -> BuildFile:
    """Read `<folder>/davylamp.yaml`, or say which field is wrong."""
    file = folder / BUILD_FILE
    try:
        found = yaml.safe_load(file.read_text())
    except FileNotFoundError as error:
        raise BadInput(
            f"{file} is missing: write one with `entrypoint: [python3, server.py]` and "
            "`contract: {}`"
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(f"{file}: unreadable: {error}") from error
    try:
        return BuildFile.model_validate(found)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'the file'}: {e['msg']}"
            for e in error.errors()
        )
        raise BadInput(f"{file}: {wrong}") from error


def included_folders(folder: Path, include: Sequence[str]) -> tuple[Path, ...]:
    """The folders a build file includes. They lie beside its own folder or in it: a build
    file may not reach for the rest of the disk."""
    allowed = folder.resolve().parent
    found = tuple((folder / name).resolve() for name in include)
    for name, path in zip(include, found, strict=True):
        if allowed not in path.parents:
            raise BadInput(f"{folder / BUILD_FILE}: include: {name} lies outside {allowed}")
        if not path.is_dir():
            raise BadInput(f"{folder / BUILD_FILE}: include: {name} is no folder")
    return found
