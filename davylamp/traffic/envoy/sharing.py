"""Which user meets which build: the matcher tree of a service under release. Pure.

Sharing is by user: the same key and seed lead to the same place in [0, a million), the
candidate holds [0, f) and the baseline [1 - b, 1). Growing f moves users from stable only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from davylamp.catalog.model import Route
from davylamp.judge.sample import Role
from davylamp.traffic.envoy import names, shield

Document = dict[str, Any]

MILLION = 1_000_000
_TYPE = "type.googleapis.com/"
_ROUTE_LIST = f"{_TYPE}envoy.config.route.v3.RouteList"
_HEADER_INPUT = f"{_TYPE}envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
_STATE_INPUT = f"{_TYPE}envoy.extensions.matching.common_inputs.network.v3.FilterStateInput"
_FRACTION = f"{_TYPE}envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction"
READ_COOKIE_FILTER = "envoy.filters.http.header_to_metadata"
_READ_COOKIE = f"{_TYPE}envoy.extensions.filters.http.header_to_metadata.v3.Config"
_SET_STATE = f"{_TYPE}envoy.extensions.filters.http.set_filter_state.v3.Config"
_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True)
class Trial:
    """A release that users may meet: whose, which, and by what seed they are chosen."""

    service: str
    release_id: int
    seed: int
    has_baseline: bool

    def cluster(self, role: Role) -> str:
        return names.cluster_name(self.service, role, self.release_id)

    def testers_cluster(self, role: Role) -> str:
        """The same copies under another name: what testers do is not evidence."""
        return names.testers_cluster_name(self.cluster(role))


def matcher(trial: Trial, route: Route) -> Document:
    """The virtual host's `matcher`: testers, then users by header, by cookie, or newly issued."""
    header = _header_input(route.user_header)
    cookie = _input("cookie", _STATE_INPUT, key=names.COOKIE_STATE)
    branches = [_tester(trial, route, Role.CANDIDATE)]
    if trial.has_baseline:
        branches.append(_tester(trial, route, Role.BASELINE))
    # an empty header would be one key that all who send it share
    branches.append(_branch(_single(header, _regex(".+")), _shares(trial, route, header)))
    present = _single(cookie, _fraction(None, MILLION, 0))
    branches.append(_branch(present, _shares(trial, route, cookie)))
    issued = _shares(trial, route, _header_input(names.ISSUED_HEADER), issue_cookie=True)
    return {"matcher_list": {"matchers": branches}, "on_no_match": {"matcher": issued}}


def cookie_reader(route: Route) -> Document:
    """A virtual host's own filter settings: which cookie says who the user is."""
    found = {"metadata_namespace": names.COOKIE_STATE, "key": "user"}
    rule = {"cookie": route.user_cookie, "on_header_present": found}
    return {READ_COOKIE_FILTER: {"@type": _READ_COOKIE, "request_rules": [rule]}}


def cookie_filters() -> list[Document]:
    """The listener's filters that let the tree see the cookie `cookie_reader` names.

    The second has to be set here: virtual hosts cannot set it.
    """
    text = f"%DYNAMIC_METADATA({names.COOKIE_STATE}:user)%"
    value = {
        "object_key": names.COOKIE_STATE,
        "factory_key": "envoy.string",
        "format_string": {
            "text_format_source": {"inline_string": text},
            "omit_empty_values": True,
        },
        "skip_if_empty": True,
    }
    state = {"@type": _SET_STATE, "on_request_headers": [value], "clear_route_cache": True}
    return [
        {"name": READ_COOKIE_FILTER, "typed_config": {"@type": _READ_COOKIE}},
        {"name": "envoy.filters.http.set_filter_state", "typed_config": state},
    ]


def runtime_values(trial: Trial, candidate: float, baseline: float) -> Document:
    """The runtime values of these shares (fractions in [0, 1]); empty when both are 0."""
    chosen = min(max(round(candidate * MILLION), 0), MILLION)
    rest = MILLION - min(max(round(baseline * MILLION), 0), MILLION - chosen)
    if not trial.has_baseline:
        rest = MILLION
    of = (trial.service, trial.release_id)
    values: Document = {}
    if chosen:
        values[names.candidate_key(*of)] = _million(chosen)
        values[names.tester_key(trial.service, Role.CANDIDATE, trial.release_id)] = _million(
            MILLION
        )
    if 0 < rest < MILLION:  # 0 would send everyone to the baseline
        values[names.rest_key(*of)] = _million(rest)
        values[names.tester_key(trial.service, Role.BASELINE, trial.release_id)] = _million(MILLION)
    return values


def _shares(trial: Trial, route: Route, key: Document, *, issue_cookie: bool = False) -> Document:
    def to(role: Role) -> Document:
        return _action(_routes(trial, route, role), _cookie(route) if issue_cookie else {})

    of = (trial.service, trial.release_id)
    candidate = _fraction(names.candidate_key(*of), 0, trial.seed)
    if not trial.has_baseline:
        branches = [{"predicate": _single(key, candidate), "on_match": to(Role.CANDIDATE)}]
        return {"matcher_list": {"matchers": branches}, "on_no_match": to(Role.STABLE)}
    rest = _fraction(names.rest_key(*of), MILLION, trial.seed)
    branches = [
        {"predicate": _single(key, candidate), "on_match": to(Role.CANDIDATE)},
        {"predicate": _single(key, rest), "on_match": to(Role.STABLE)},
    ]
    return {"matcher_list": {"matchers": branches}, "on_no_match": to(Role.BASELINE)}


def _routes(trial: Trial, route: Route, role: Role) -> list[Document]:
    stable = trial.cluster(Role.STABLE)
    if role is Role.STABLE:
        return shield.stable_routes(stable)
    if not route.shield:
        return shield.bare_routes(trial.cluster(role))
    return shield.shielded_routes(trial.cluster(role), stable, route.shield_timeout_seconds)


def _tester(trial: Trial, route: Route, role: Role) -> Document:
    """Testers see the build as it is, without the shield, and only while shares are in force."""
    asked = _header_input(route.tester_header)
    open_now = _fraction(names.tester_key(trial.service, role, trial.release_id), 0, trial.seed)
    both = [_single(asked, {"value_match": {"exact": role.value}}), _single(asked, open_now)]
    return {
        "predicate": {"and_matcher": {"predicate": both}},
        "on_match": _action(shield.bare_routes(trial.testers_cluster(role)), {}),
    }


def _cookie(route: Route) -> Document:
    value = (
        f"{route.user_cookie}=%REQ({names.ISSUED_HEADER})%; Path=/; "
        f"Max-Age={_YEAR_SECONDS}; HttpOnly; SameSite=Lax"
    )
    header = {"key": "set-cookie", "value": value}
    add = {"header": header, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
    return {"response_headers_to_add": [add]}


def _action(routes: list[Document], extra: Document) -> Document:
    listed = [route | extra for route in routes]
    return {"action": {"name": "routes", "typed_config": {"@type": _ROUTE_LIST, "routes": listed}}}


def _branch(predicate: Document, tree: Document) -> Document:
    return {"predicate": predicate, "on_match": {"matcher": tree}}


def _single(key: Document, match: Document) -> Document:
    return {"single_predicate": {"input": key} | match}


def _regex(pattern: str) -> Document:
    return {"value_match": {"safe_regex": {"google_re2": {}, "regex": pattern}}}


def _header_input(name: str) -> Document:
    return _input("header", _HEADER_INPUT, header_name=name)


def _input(name: str, kind: str, **fields: str) -> Document:
    return {"name": name, "typed_config": {"@type": kind} | fields}


def _fraction(key: str | None, default: int, seed: int) -> Document:
    """In when xxh64(input, seed) % a million is below the runtime value, else the default."""
    fraction: Document = {"default_value": _million(default)}
    if key is not None:
        fraction["runtime_key"] = key
    config = {"@type": _FRACTION, "runtime_fraction": fraction, "seed": str(seed)}
    return {"custom_match": {"name": "fraction", "typed_config": config}}


def _million(numerator: int) -> Document:
    return {"numerator": numerator, "denominator": "MILLION"}
