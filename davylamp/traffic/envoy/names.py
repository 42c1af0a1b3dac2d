"""The names Envoy knows things by. The signals and the documentation rely on them."""

from __future__ import annotations

from davylamp.judge.sample import Role

LISTENER = "users"
ROUTES = "users"
"""Name of the route configuration, and the statistics prefix of the listener."""
RUNTIME = "shares"
"""Name of the runtime layer that carries the shares."""
ISSUED_HEADER = "x-davylamp-issued-user"
"""Every request gets a fresh identity here; only a user without one of their own is given it."""
COOKIE_STATE = "davylamp.user_cookie"


def cluster_name(service: str, role: Role, release_id: int | None = None) -> str:
    """`checkout_stable`, `checkout_candidate_7`: statistics are by build, and new each release."""
    if role is Role.STABLE:
        return f"{service}_stable"
    return f"{service}_{role.value}_{release_id}"


def testers_cluster_name(cluster: str) -> str:
    """Where testers' requests for a build go: never among those the judge reads."""
    return f"{cluster}_testers"


def candidate_key(service: str, release_id: int) -> str:
    """Runtime key: users in [0, value) of a million meet the candidate. Missing means 0.

    The release is part of the key, so that no share can ever act on another release's routes.
    """
    return f"cand.{service}.r{release_id}"


def rest_key(service: str, release_id: int) -> str:
    """Runtime key: users in [value, a million) meet the baseline. Missing means a million."""
    return f"rest.{service}.r{release_id}"


def tester_key(service: str, role: Role, release_id: int) -> str:
    """Runtime key: may testers ask for this build by header? Missing means no."""
    return f"test_{role.value}.{service}.r{release_id}"
