"""Settings come from PATRONGRAPH_* variables, read here and nowhere else, once, into a frozen object."""

import base64
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "PATRONGRAPH_"


class UnreadableFile(Exception):  # noqa: N818 - what is wrong, as the operator reads it
    """A PATRONGRAPH_…_FILE that cannot be read, or beside the variable itself."""


class FromFiles(PydanticBaseSettingsSource):
    """Reads a setting from the file that PATRONGRAPH_<SETTING>_FILE names: for secrets that no environment shows."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the text of a setting's file without its last line end. Raises UnreadableFile."""
        variable = f"{PREFIX}{field_name.upper()}"
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            return None, field_name, False
        if variable in os.environ:
            raise UnreadableFile(f"{variable} and {variable}_FILE are both set: choose one")
        try:
            return Path(path).read_text().rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise UnreadableFile(f"{variable}_FILE names {path}, which cannot be read: {why}") from None

    def __call__(self) -> dict[str, Any]:
        """Return what files say."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def from_file(name: str) -> bool:
    """Return whether a file is named for a setting."""
    return bool(os.environ.get(f"{PREFIX}{name.upper()}_FILE"))


def traces_wanted() -> bool:
    """Return whether OpenTelemetry's own variables ask for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER")
    if exporter is not None:
        return exporter.strip().lower() == "otlp"
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}") for part in ("ENDPOINT", "TRACES_ENDPOINT"))


class Settings(BaseSettings):
    """Every setting with its unit and default; `patrongraph doctor` lists them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = Field(default="", description="PostgreSQL address, postgresql://…")
    read_database_url: str = Field(
        default="", description="A streaming replica of it, for queries alone; empty: queries ask the first"
    )
    redis_url: str = Field(default="", description="Valkey or Redis address, redis://… or redis+sentinel://…")
    redis_prefix: str = Field(default="patrongraph", min_length=1, description="Beginning of every Valkey key")
    secret_key: SecretStr = Field(default=SecretStr(""), description="Secret of at least 32 characters; peppers PINs")
    audit_keys: SecretStr = Field(
        default=SecretStr(""), description="Earlier secret keys, one a line, to verify what they sealed"
    )
    data_dir: Path = Field(default=Path(".data"), description="Embedded servers' data, export files, log")
    export_store: str = Field(
        default="",
        pattern=r"^((s3|gs|az)://\S+)?$",
        description="Where export files lie: s3://bucket/prefix, gs://…, az://…; empty: in the data directory",
    )
    export_keys: SecretStr = Field(
        default=SecretStr(""), description="Keys of export files, id:base64,…; empty: made of the secret key"
    )
    tombstones_file: str = Field(
        default="tombstones.ndjson",
        description="File in which the worker writes down erasures, outside of the database; empty for none",
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least severity that is logged; ids only, always",
    )
    listen: str = Field(default="127.0.0.1:8000", description="Address and port of the API")

    pool_size: int = Field(default=16, ge=1, le=500, description="Connections for compiled reads, per process")
    write_pool_size: int = Field(default=8, ge=1, le=500, description="Connections for actions, per process")
    statement_timeout_ms: int = Field(default=15_000, ge=100, description="Longest statement that reads, ms")
    write_timeout_ms: int = Field(
        default=60_000, ge=100, description="Longest statement of a mutation, its wait for locks included, ms"
    )
    session_hours: int = Field(default=12, ge=1, le=720, description="Lifetime of a staff session, hours")
    patron_session_minutes: int = Field(default=60, ge=5, le=1440, description="Lifetime of a patron's session, min")
    actor_cache_seconds: float = Field(default=5.0, ge=0, le=60, description="How long who acts is remembered, s")
    secure_cookies: bool = Field(default=False, description="Mark the session cookie Secure (behind HTTPS)")
    origins: str = Field(
        default="", description="Where browsers reach the API, https://library.example,…; empty: what Host says"
    )
    recheck_seconds: float = Field(
        default=40.0, gt=0, le=50, description="How often who follows over a socket or stream is looked up again, s"
    )
    sign_in_minutes: int = Field(default=15, ge=1, le=1440, description="How long failed sign-ins are counted, min")
    sign_in_failures_per_address: int = Field(
        default=30, ge=0, description="Failed sign-ins from one address before it has to wait; 0: any number"
    )
    sign_in_failures: int = Field(
        default=2_000, ge=0, description="Failed sign-ins in all before unknown addresses have to wait; 0: any number"
    )

    max_cost: int = Field(default=50_000, ge=1, description="Largest static cost of one operation, rows")
    max_depth: int = Field(default=10, ge=1, description="Deepest selection, levels of fields")
    max_fields: int = Field(default=5_000, ge=1, description="Most fields and fragments, each where it is put in")
    max_aliases: int = Field(default=15, ge=0, description="Most aliases in one operation")
    max_tokens: int = Field(default=1_000, ge=50, description="Most tokens in one document")
    max_anonymous_tokens: int = Field(default=250, ge=50, description="The same while nobody is signed in")
    max_directives: int = Field(default=5, ge=0, description="Most directives in one place of a document")
    points_per_minute: int = Field(
        default=300_000, ge=0, description="Points that the operations of one actor may cost in a minute; 0: no limit"
    )
    anonymous_points_per_minute: int = Field(
        default=3_000, ge=0, description="The same of one address while nobody is signed in; 0: no limit"
    )
    max_socket_operations: int = Field(
        default=100, ge=1, description="Operations, subscriptions among them, that run at once on one WebSocket"
    )
    max_subscriptions: int = Field(default=200, ge=1, description="Open subscriptions of one actor, per process")
    max_connections: int = Field(default=50, ge=1, description="WebSockets and event streams of one actor, per process")
    max_address_connections: int = Field(default=1_000, ge=1, description="The same of one address, per process")
    max_body_bytes: int = Field(
        default=131_072, ge=1024, description="Largest request body, bytes; the file of an upload apart"
    )
    max_upload_bytes: int = Field(default=67_108_864, ge=1024, description="Largest uploaded file, bytes")
    documents: str = Field(default="", description="File or folder of persisted documents, JSON {sha256: text}")
    documents_mode: Literal["off", "allowed", "only"] = Field(
        default="off", description="Persisted documents: off; allowed beside other queries; only these may run"
    )
    plan_cache_size: int = Field(default=512, ge=1, description="Compiled operations kept per process")

    job_poll_seconds: float = Field(default=5.0, gt=0, le=60, description="How often a worker looks for missed jobs, s")
    job_lease_seconds: float = Field(
        default=15.0, gt=1, le=300, description="After this a dead worker loses its job, s"
    )
    job_concurrency: int = Field(default=4, ge=1, le=64, description="Jobs one worker runs side by side")
    max_import_rows: int = Field(default=500_000, ge=1, description="Most rows of one file that a worker imports")
    chunk_import_rows: int = Field(default=5_000, ge=1, le=50_000, description="File rows in one import transaction")
    import_folder: str = Field(
        default="",
        description="Drop folder of files to import: a path, s3://bucket/prefix, gs://… or az://…; empty: none",
    )
    import_folder_seconds: float = Field(
        default=30.0, gt=0, le=86_400, description="How often a worker looks into the drop folder, s"
    )
    import_folder_keep_days: int = Field(
        default=30, ge=0, le=3650, description="How long imported files and their reports stay in the drop folder, days"
    )
    chunk_patrons: int = Field(default=5_000, ge=1, le=50_000, description="Patrons one rollover transaction moves")
    chunk_loans: int = Field(default=7_500, ge=100, description="Loan rows one purge transaction aims at")
    at_rest_window: str = Field(
        default="01:00-04:00",
        description="When data files are wiped of erased rows: HH:MM-HH:MM (UTC, or with a zone), always, or empty",
    )

    metrics_listen: str = Field(
        default="127.0.0.1:9464",
        pattern=r"^(\S+:\d{1,5})?$",
        description="Address and port where the API tells its metrics; empty: nowhere",
    )
    worker_metrics_listen: str = Field(
        default="127.0.0.1:9465",
        pattern=r"^(\S+:\d{1,5})?$",
        description="Address and port where a worker tells its metrics; empty: nowhere",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from: arguments, variables, files that variables name."""
        return init_settings, env_settings, FromFiles(settings_cls)

    @field_validator("at_rest_window")
    @classmethod
    def _is_a_window(cls, text: str) -> str:
        if text not in ("", "always"):
            _window(text)
        return text

    def at_rest_is_open(self, now: datetime) -> bool:
        """Return whether workers may wipe the data files at this moment (an aware time)."""
        if self.at_rest_window in ("", "always"):
            return self.at_rest_window == "always"
        begin, end, zone = _window(self.at_rest_window)
        local = now.astimezone(zone).time()
        return begin <= local < end if begin < end else local >= begin or local < end

    @field_validator("documents_mode")
    @classmethod
    def _has_documents(cls, mode: str, info: ValidationInfo) -> str:
        if mode != "off" and not info.data.get("documents"):
            raise ValueError("name the file or the folder of the documents in PATRONGRAPH_DOCUMENTS too")
        return mode

    @field_validator("redis_url")
    @classmethod
    def _readable_sentinels(cls, url: str) -> str:
        if url.startswith(SENTINEL):
            sentinels(url)
        return url

    @field_validator("origins")
    @classmethod
    def _readable_origins(cls, text: str, info: ValidationInfo) -> str:
        found = parse_origins(text)
        if info.data.get("secure_cookies") and any(origin.scheme != "https" for origin in found):
            raise ValueError("with PATRONGRAPH_SECURE_COOKIES each begins with https://")
        return text

    @field_validator("export_keys")
    @classmethod
    def _readable_keys(cls, given: SecretStr) -> SecretStr:
        parse_export_keys(given.get_secret_value())
        return given

    def as_environment(self) -> dict[str, str]:
        """Return the variables that give a child process these settings; holds secrets, never log it."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            f"{PREFIX}{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
        }

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie; __Host- binds it to HTTPS and this host."""
        return "__Host-pg_session" if self.secure_cookies else "pg_session"

    @property
    def exports_dir(self) -> Path:
        """Folder of finished and unfinished export files, when there is no export_store."""
        return self.data_dir / "exports"

    @property
    def tombstones_path(self) -> Path | None:
        """Where erasures are written down outside of the database: a path of its own, or within data_dir; or None."""
        return self.data_dir / self.tombstones_file if self.tombstones_file else None


def _window(text: str) -> tuple[time, time, tzinfo]:
    """Return begin, end and time zone of "02:00-04:00" or "22:00-04:00 Europe/Oslo"; ValueError when it is neither."""
    hours, _, place = text.partition(" ")
    try:
        begin, end = (datetime.strptime(hour, "%H:%M").time() for hour in hours.split("-"))
        zone = ZoneInfo(place) if place else UTC
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise ValueError("write 02:00-04:00 or 22:00-04:00 Europe/Oslo, or always, or leave it empty") from error
    if begin == end:
        raise ValueError("begin and end are the same; write always for every hour")
    return begin, end, zone


_EXPORT_KEY = re.compile(r"(?!derived-)([a-z0-9][a-z0-9_-]{0,31}):([A-Za-z0-9+/]{43}=)")


def parse_export_keys(text: str) -> dict[str, bytes]:
    """Return the keys of `id:base64,id:base64` in their order. Raises ValueError, naming a place and no key."""
    keys: dict[str, bytes] = {}
    for number, part in enumerate(text.split(",") if text.strip() else [], 1):
        found = _EXPORT_KEY.fullmatch(part.strip())
        if found is None:
            raise ValueError(
                f"key {number} is not id:base64 with an id of small letters, digits, - and _ "
                "and 32 bytes: make one with `openssl rand -base64 32`"
            )
        if found[1] in keys:
            raise ValueError(f"key {number} has the id of an earlier one")
        keys[found[1]] = base64.b64decode(found[2])
    return keys


_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where a page is from, as browsers compare it."""

    scheme: str
    host: str
    port: int


def parse_origin(text: str) -> Origin | None:
    """Return the origin that a text such as https://library.example is, or None when it is none."""
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return Origin(parts.scheme, parts.hostname, port)


def parse_origins(text: str) -> frozenset[Origin]:
    """Return the origins of a list with commas. Raises ValueError, naming the place of one that is none."""
    found = []
    for number, part in enumerate(text.split(",") if text.strip() else [], 1):
        origin = parse_origin(part.strip())
        if origin is None:
            raise ValueError(f"number {number} is not like https://library.example or http://127.0.0.1:8000")
        found.append(origin)
    return frozenset(found)


SENTINEL = "redis+sentinel://"


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The Sentinels that know which Valkey is the primary of a name, and how to sign in to that."""

    addresses: list[tuple[str, int]]
    name: str
    db: int
    username: str | None
    password: str | None


def sentinels(url: str) -> Sentinels:
    """Read redis+sentinel://user:password@host:26379,host:26379/name/0. Raises ValueError, naming no part of it."""
    user, _, rest = url.removeprefix(SENTINEL).rpartition("@")
    hosts, _, place = rest.partition("/")
    name, _, number = place.partition("/")
    addresses = [host.rpartition(":") for host in hosts.split(",")]
    if not name or not all(host and port.isdecimal() for host, _, port in addresses) or not (number or "0").isdecimal():
        raise ValueError("write redis+sentinel://user:password@host:26379,host:26379/name/0")
    username, _, password = user.partition(":")
    return Sentinels(
        [(host.strip("[]"), int(port)) for host, _, port in addresses],
        unquote(name),
        int(number or 0),
        unquote(username) or None,
        unquote(password) or None,
    )


_in_use: list[Settings] = []


def get_settings() -> Settings:
    """Return the process's settings, read from the environment on first use."""
    if not _in_use:
        _in_use.append(Settings())
    return _in_use[0]


def use_settings(settings: Settings) -> None:
    """Make these the process's settings: for the command line, which fills in the embedded servers."""
    _in_use[:] = [settings]
