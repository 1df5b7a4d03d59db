"""Whether a page may have a host name of its own. Pure."""

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LONGEST = 253


class HubHosts(NamedTuple):
    """The names a hub is reached by: its own host, and the domain under which every page has its slug's."""

    host: str | None = None
    base_domain: str | None = None

    @classmethod
    def of(cls, base_url: str, base_domain: str | None) -> "HubHosts":
        return cls(urlsplit(base_url).hostname, base_domain.lower().strip(".") if base_domain else None)


NO_HOSTS = HubHosts()


def host_problem(name: str, hosts: HubHosts) -> str | None:
    """What is wrong with a host name for a page, in words for its owner; None when it can be one."""
    if len(name) > _LONGEST or not _HOST.fullmatch(name) or _is_address(name):
        return "must be a host name in lower case such as status.example.com, without a scheme, port or path"
    if name == hosts.host:
        return "is the hub's own host name"
    if hosts.base_domain is not None and (name == hosts.base_domain or name.endswith(f".{hosts.base_domain}")):
        return f"is under {hosts.base_domain}, where every page has a name already"
    return None


def _is_address(name: str) -> bool:
    """An IP address, or what programs take for one: the last label is no number."""
    last = name.rpartition(".")[2]
    if last.isdecimal() or re.fullmatch("0x[0-9a-f]*", last):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
