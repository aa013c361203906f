"""Settings come from PATRONGRAPH_* variables, read here and nowhere else, once, into a frozen object."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting with its unit and default; `patrongraph doctor` lists them."""

    model_config = SettingsConfigDict(env_prefix="PATRONGRAPH_", frozen=True, extra="ignore")

    database_url: str = Field(default="", description="PostgreSQL address, postgresql://…")
    redis_url: str = Field(default="", description="Valkey or Redis address, redis://…")
    redis_prefix: str = Field(default="patrongraph", min_length=1, description="Beginning of every Valkey key")
    secret_key: SecretStr = Field(default=SecretStr(""), description="Secret of at least 32 characters; peppers PINs")
    data_dir: Path = Field(default=Path(".data"), description="Embedded servers' data, export files, log")
    listen: str = Field(default="127.0.0.1:8000", description="Address and port of the API")

    pool_size: int = Field(default=16, ge=1, le=500, description="Connections for compiled reads, per process")
    write_pool_size: int = Field(default=8, ge=1, le=500, description="Connections for actions, per process")
    statement_timeout_ms: int = Field(default=15_000, ge=100, description="Longest statement of the API, ms")
    session_hours: int = Field(default=12, ge=1, le=720, description="Lifetime of a staff session, hours")
    patron_session_minutes: int = Field(default=60, ge=5, le=1440, description="Lifetime of a patron's session, min")
    actor_cache_seconds: float = Field(default=5.0, ge=0, le=60, description="How long who acts is remembered, s")
    secure_cookies: bool = Field(default=False, description="Mark the session cookie Secure (behind HTTPS)")

    max_cost: int = Field(default=50_000, ge=1, description="Largest static cost of one operation, rows")
    max_depth: int = Field(default=10, ge=1, description="Deepest selection")
    max_aliases: int = Field(default=15, ge=0, description="Most aliases in one operation")
    max_tokens: int = Field(default=1_000, ge=50, description="Most tokens in one document")
    max_body_bytes: int = Field(default=131_072, ge=1024, description="Largest request body, bytes")
    plan_cache_size: int = Field(default=512, ge=1, description="Compiled operations kept per process")

    job_poll_seconds: float = Field(default=5.0, gt=0, le=60, description="How often a worker looks for missed jobs, s")
    job_lease_seconds: float = Field(
        default=15.0, gt=1, le=300, description="After this a dead worker loses its job, s"
    )
    job_concurrency: int = Field(default=4, ge=1, le=64, description="Jobs one worker runs side by side")
    chunk_loans: int = Field(default=7_500, ge=100, description="Loan rows one purge transaction aims at")

    def as_environment(self) -> dict[str, str]:
        """Return the variables that give a child process these settings; holds secrets, never log it."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            f"PATRONGRAPH_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
        }

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie; __Host- binds it to HTTPS and this host."""
        return "__Host-pg_session" if self.secure_cookies else "pg_session"

    @property
    def exports_dir(self) -> Path:
        """Folder of finished and unfinished export files."""
        return self.data_dir / "exports"


_in_use: list[Settings] = []


def get_settings() -> Settings:
    """Return the process's settings, read from the environment on first use."""
    if not _in_use:
        _in_use.append(Settings())
    return _in_use[0]


def use_settings(settings: Settings) -> None:
    """Make these the process's settings: for the command line, which fills in the embedded servers."""
    _in_use[:] = [settings]
