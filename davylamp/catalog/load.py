"""First version, to be replaced: YAML files → Catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from davylamp.catalog.model import Catalog, Service
from davylamp.errors import BadInput


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merge(out[key], value) if both else value
    return out


def load_catalog(folder: Path) -> Catalog:
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder")
    defaults: dict[str, Any] = {}
    if (folder / "_defaults.yaml").exists():
        defaults = yaml.safe_load((folder / "_defaults.yaml").read_text()) or {}
    services: dict[str, Service] = {}
    for file in sorted(folder.glob("*.yaml")):
        if not file.name.startswith("_"):
            document = _merge(defaults, yaml.safe_load(file.read_text()))
            services[document["name"]] = Service.model_validate(document)
    return Catalog(services=services)
