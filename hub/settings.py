"""Every environment variable the hub reads, typed, with its unit in its name. `.env.example` lists them for people."""

import re
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start by the process's entry point and handed down; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", frozen=True)

    # Outside servers. With neither URL nor host given, `python -m hub up` starts its own under HUB_DATA_DIR.
    database_url: SecretStr | None = None
    db_host: str | None = None
    db_port: int = 5432
    db_name: str = "hub"
    db_user: str = "hub"
    db_pass: SecretStr = SecretStr("")
    redis_url: SecretStr | None = None
    redis_host: str | None = None
    redis_port: int = 6379
    celery_broker_url: SecretStr | None = None

    hub_host: str = "127.0.0.1"
    hub_port: int = Field(default=8000, ge=0, le=65535)
    hub_base_url: str | None = None
    hub_base_domain: str | None = None
    hub_data_dir: Path = Path(".hub")
    hub_workers: int = Field(default=1, ge=1, le=64)
    hub_allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    hub_embed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    hub_trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    hub_secret_key: SecretStr | None = None
    hub_log_format: str = Field(default="text", pattern="^(text|json)$")
    hub_log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")

    jwt_issuer: str = "status-hub"
    jwt_audience: str = "status-hub"
    jwt_algorithm: str = Field(default="HS256", pattern="^(HS256|EdDSA|RS256)$")
    jwt_private_key_file: Path | None = None
    jwt_public_key_files: Annotated[tuple[Path, ...], NoDecode] = ()
    jwt_foreign_issuers_file: Path | None = None
    jwt_access_ttl_s: int = Field(default=600, ge=5, le=86_400)
    jwt_refresh_ttl_s: int = Field(default=30 * 86_400, ge=60)
    jwt_leeway_s: int = Field(default=5, ge=0, le=30)

    # Requests of the hub to addresses that others name (hub/safe_fetch.py).
    hub_allow_private_fetch: bool = False
    hub_fetch_ports: Annotated[tuple[int, ...], NoDecode] = ()

    # Other applications: their channels, their tokens, their back ends.
    hub_channels_file: Path | None = None
    hub_client_token_secret: SecretStr | None = None
    hub_client_token_issuer: str | None = None
    hub_client_token_audience: str | None = None
    hub_server_api_key: SecretStr | None = None

    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_user: str | None = None
    smtp_pass: SecretStr = SecretStr("")
    smtp_from: str = "status@localhost"
    smtp_tls: str = Field(default="auto", pattern="^(auto|starttls|tls|none)$")
    smtp_timeout_s: float = Field(default=10.0, gt=0, le=12)

    sentry_dsn: SecretStr | None = None
    hub_metrics_token: SecretStr | None = None

    # Limits.
    hub_body_limit_bytes: int = 1_048_576
    hub_frame_limit_bytes: int = 65_536
    hub_connect_deadline_s: float = 10.0
    hub_ping_interval_s: float = Field(default=25.0, gt=0)
    hub_pong_timeout_s: float = Field(default=8.0, gt=0)
    hub_expiry_grace_s: float = Field(default=25.0, ge=0)
    hub_send_buffer_limit_bytes: int = 262_144
    hub_stall_deadline_s: float = 10.0
    hub_channels_per_client: int = 128
    hub_connections_per_user: int = Field(default=20, ge=1)
    hub_drain_s: float = 10.0
    hub_db_pool_size: int = 10
    hub_sockets_limit: int = Field(default=50_000, ge=0)
    hub_preauth_sockets_per_address: int = Field(default=50, ge=0)
    hub_header_limit_bytes: int = 16_384
    hub_header_deadline_s: float = 10.0

    # Limits of requests, counted over all processes (hub/api/rate_limits.py); 0: any number.
    hub_reads_per_account_per_minute: int = Field(default=1_200, ge=0)
    hub_reads_per_address_per_minute: int = Field(default=600, ge=0)
    hub_writes_per_account_per_minute: int = Field(default=300, ge=0)
    hub_writes_per_address_per_minute: int = Field(default=120, ge=0)
    hub_pages_per_address_per_minute: int = Field(default=1_200, ge=0)
    hub_emulations_per_address_per_minute: int = Field(default=6_000, ge=0)
    hub_login_tries_per_account_per_15_min: int = Field(default=10, ge=0)
    hub_login_tries_per_address_per_15_min: int = Field(default=30, ge=0)
    hub_registrations_per_address_per_hour: int = Field(default=20, ge=0)
    hub_letters_per_recipient_per_hour: int = Field(default=5, ge=0)

    @field_validator("hub_allowed_origins", "hub_embed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("hub_embed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:  # they become part of a header
            if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", origin):
                raise ValueError("must be origins such as https://www.example.com, separated by commas")
        return origins

    @field_validator("hub_trusted_proxies", "jwt_public_key_files", "hub_fetch_ports", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("hub_trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_network(proxy)  # raises ValueError, which names it; a misspelt one would be trusted by nobody
        return proxies

    @property
    def has_outside_database(self) -> bool:
        return self.database_url is not None or self.db_host is not None

    @property
    def has_outside_redis(self) -> bool:
        return self.redis_url is not None or self.redis_host is not None

    @cached_property
    def sqlalchemy_url(self) -> str:
        """`postgresql+asyncpg://…`; raises ValueError when no database is configured."""
        if self.database_url is not None:
            return _asyncpg_url(self.database_url.get_secret_value())
        if self.db_host is None:
            raise ValueError("no database configured: set DATABASE_URL or DB_HOST, or use `python -m hub up`")
        user, password = quote(self.db_user, safe=""), quote(self.db_pass.get_secret_value(), safe="")
        credentials = f"{user}:{password}" if password else user
        if self.db_host.startswith("/"):  # a directory that holds the server's unix socket
            return f"postgresql+asyncpg://{credentials}@/{self.db_name}?host={self.db_host}&port={self.db_port}"
        return f"postgresql+asyncpg://{credentials}@{self.db_host}:{self.db_port}/{self.db_name}"

    @cached_property
    def redis_dsn(self) -> str:
        """In one of the forms of `hub.engine.redis_address`; raises ValueError when no Redis is configured."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        if self.redis_host is None:
            raise ValueError("no Redis configured: set REDIS_URL or REDIS_HOST, or use `python -m hub up`")
        return f"redis://{self.redis_host}:{self.redis_port}/0"

    @cached_property
    def celery_dsn(self) -> str:
        """The Redis of Celery's queue and schedule; raises ValueError when that would be a Cluster, or none."""
        dsn = self.redis_dsn if self.celery_broker_url is None else self.celery_broker_url.get_secret_value()
        if dsn.partition("://")[0].endswith("+cluster"):
            raise ValueError("Celery cannot use a Redis Cluster: set CELERY_BROKER_URL to one server or its Sentinels")
        return dsn

    @property
    def base_url(self) -> str:
        """What links in answers, feeds and mails start with; no trailing slash."""
        return (self.hub_base_url or f"http://{self.hub_host}:{self.hub_port}").rstrip("/")


def _asyncpg_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("DATABASE_URL must start with postgresql://")
    return f"postgresql+asyncpg://{rest}"
