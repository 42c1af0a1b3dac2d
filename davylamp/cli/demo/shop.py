"""Pushing the shop's builds, as a build pipeline would."""

from __future__ import annotations

from pathlib import Path

from davylamp.builds.image import PushedImage, build_image, push_image
from davylamp.builds.keys import PRIVATE_KEY
from davylamp.builds.open import open_registry
from davylamp.cli.demo.versions import ShopVersion
from davylamp.errors import BadInput
from davylamp.settings import Settings


def images_folder(settings: Settings) -> Path:
    """Where the shop's images are made from: beside its catalog."""
    folder = settings.catalog.parent / "images"
    if not folder.is_dir():
        raise BadInput(
            f"{folder} does not exist: the demonstration needs the folder examples/shop; run it "
            "from the repository's root, or set DAVYLAMP_CATALOG to examples/shop/catalog"
        )
    return folder


def push_version(settings: Settings, version: ShopVersion) -> PushedImage:
    """Make, push and sign a build. All that follows, Davylamp does by itself."""
    folder = images_folder(settings) / (version.folder or version.service)
    built = build_image(folder, version=version.version, environment=version.environment)
    registry = open_registry(settings.require("registry_url"))
    try:
        return push_image(registry, version.repository, built, settings.keys_folder / PRIVATE_KEY)
    finally:
        registry.close()
