"""The key pair of a plane of one's own."""

from __future__ import annotations

from davylamp.builds.keys import PRIVATE_KEY, generate_keys, load_trusted_keys
from davylamp.settings import Settings


def ensure_keys(settings: Settings) -> None:
    """Make a key pair in `<home>/keys` if there is none. A folder of trusted keys set by hand is
    left as it is."""
    folder = settings.keys_folder
    if settings.trusted_keys is None and not (folder / PRIVATE_KEY).exists():
        if load_trusted_keys(folder):
            return
        generate_keys(folder)
