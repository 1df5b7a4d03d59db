"""Where Redis is, as REDIS_URL says it: one server, the master that Sentinels know, or a Cluster.

`redis://`, `rediss://` and `unix://` are redis-py's own forms. Beside them:

* `redis+sentinel://[user:password@]host:port,host:port/master-name[/db][?sentinel_password=…&sentinel_username=…]`:
  the credentials are those of the servers; the Sentinels' own, if they have any, are the parameters;
* `redis+cluster://[user:password@]host:port,host:port`: some of its nodes, the others are found.

With `rediss+…` every connection is TLS, those to the Sentinels too; `ssl_ca_certs=FILE` names the authority.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_SENTINEL_PORT, _REDIS_PORT = 26379, 6379
_SENTINEL_OPTIONS = {"sentinel_password", "sentinel_username"}

Host = tuple[str, int]


class Form(Enum):
    ONE = "one"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """`hosts`, `master`, `db` and the credentials are of Sentinel and Cluster addresses; the others keep their URL."""

    form: Form
    url: str = field(repr=False)
    hosts: tuple[Host, ...] = ()
    master: str = ""
    db: int = 0
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    sentinel_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Mapping[str, Any] = field(default_factory=dict)


def parse_address(url: str) -> RedisAddress:
    """Raises ValueError, in one line for people and without the password, for what cannot be used."""
    scheme = url.partition("://")[0]
    prefix, _, form = scheme.partition("+")
    if not form:
        if scheme not in {"redis", "rediss", "unix"}:
            raise ValueError(
                "REDIS_URL must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
            )
        return RedisAddress(Form.ONE, url)
    if prefix not in {"redis", "rediss"} or form not in {"sentinel", "cluster"}:
        raise ValueError(f"REDIS_URL cannot start with {scheme}://")
    # Not by urlsplit alone: it takes several hosts for one, and newer ones refuse brackets in the middle.
    rest = url.partition("://")[2]
    places = re.split("[/?#]", rest, maxsplit=1)[0]
    parts = urlsplit(rest.removeprefix(places))
    credentials, _, hosts = places.rpartition("@")
    options = dict(parse_qsl(parts.query))
    tls: dict[str, Any] = {"ssl": True} if prefix == "rediss" else {}
    if "ssl_ca_certs" in options:
        tls["ssl_ca_certs"] = options.pop("ssl_ca_certs")
    path = [unquote(part) for part in parts.path.split("/") if part]
    if form == "cluster":
        _refuse_others(options, set())
        if path not in ([], ["0"]):
            raise ValueError("REDIS_URL of a cluster names no database: a cluster has only number 0")
        found = _hosts(hosts, _REDIS_PORT)
        return RedisAddress(Form.CLUSTER, url, found, credentials=_credentials(credentials), tls=tls)
    _refuse_others(options, _SENTINEL_OPTIONS)
    if not 1 <= len(path) <= 2 or not "".join(path[1:] or "0").isdigit():
        raise ValueError("REDIS_URL of Sentinels must end with /master-name or /master-name/db")
    return RedisAddress(
        Form.SENTINEL,
        url,
        _hosts(hosts, _SENTINEL_PORT),
        master=path[0],
        db=int("".join(path[1:] or "0")),
        credentials=_credentials(credentials),
        sentinel_credentials={name.removeprefix("sentinel_"): value for name, value in options.items()},
        tls=tls,
    )


def _hosts(text: str, default_port: int) -> tuple[Host, ...]:
    hosts = []
    for one in text.split(","):
        try:
            parts = urlsplit(f"//{one}")
            hosts.append((parts.hostname or "", parts.port or default_port))
        except ValueError:
            hosts.append(("", 0))
    if not all(host for host, _ in hosts):
        raise ValueError("REDIS_URL must name host:port, several of them separated by commas")
    return tuple(hosts)


def _credentials(text: str) -> dict[str, str]:
    """As URLs of redis:// have it: `user:password`, `:password`, or a user alone."""
    user, _, password = text.partition(":")
    named = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in named.items() if value}


def _refuse_others(options: Mapping[str, str], known: set[str]) -> None:
    for name in options.keys() - known:
        raise ValueError(f"REDIS_URL has a parameter that is not known: {name}")
