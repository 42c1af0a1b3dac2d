"""No property is held to a deadline: a busy machine is slow, and that is no failure."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("davylamp", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "davylamp"))
