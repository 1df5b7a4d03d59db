"""How Celery, kombu and redbeat want to be told where Redis is, each in its own words."""

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from hub.engine.redis_address import Form, RedisAddress, parse_address


def redis_configuration(dsn: str) -> dict[str, Any]:
    """Celery's settings for the Redis at `dsn`, which is no Cluster; `broker_transport_options` is to be added to."""
    address = parse_address(dsn)
    patience = {"socket_timeout": 5, "socket_connect_timeout": 5}
    if address.form is not Form.SENTINEL:
        return {
            "broker_url": _one_server(dsn),
            "broker_transport_options": {},
            "redbeat_redis_url": dsn,
            "redbeat_redis_options": patience,
        }
    of_sentinels = {**patience, **address.sentinel_credentials, **address.tls}
    options: dict[str, Any] = {
        "broker_url": _sentinels(address),
        "broker_transport_options": {"master_name": address.master, "sentinel_kwargs": of_sentinels},
        "redbeat_redis_url": "redis-sentinel://",
        "redbeat_redis_options": {
            **patience,
            **address.credentials,
            "db": address.db,
            "sentinels": list(address.hosts),
            "service_name": address.master,
            "sentinel_kwargs": of_sentinels,
        },
    }
    if address.tls:
        tls = {"ssl_cert_reqs": "required", **{name: at for name, at in address.tls.items() if name != "ssl"}}
        options |= {"broker_use_ssl": tls, "redbeat_redis_use_ssl": tls}
    return options


def _one_server(dsn: str) -> str:
    """Kombu spells unix sockets in its own way; everything else passes unchanged."""
    parts = urlsplit(dsn)
    if parts.scheme != "unix":
        return dsn
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def _sentinels(address: RedisAddress) -> str:
    user, password = (quote(address.credentials.get(name, ""), safe="") for name in ("username", "password"))
    who = f"{user}:{password}@" if password else ""
    return ";".join(f"sentinel://{who}{host}:{port}/{address.db}" for host, port in address.hosts)
