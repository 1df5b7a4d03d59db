"""Which web pages may act with the visitor's cookies. Pure; the same rule for REST writes and for sockets."""

from collections.abc import Collection
from urllib.parse import urlsplit


def is_allowed_origin(origin: str, *, scheme: str, host: str, base_url: str, allowed: Collection[str]) -> bool:
    """Is `origin` (the header as sent) ours?

    Ours are the hub's own address, the exact entries of HUB_ALLOWED_ORIGINS, and the address this very request came
    to (`scheme`, `host` from its Host header): a browser sends the cookie only to the host it belongs to, so a
    foreign page can make none of the three match. No prefixes and no patterns: look-alike hosts pass those. Of the
    hub's own host name, only the base address's scheme counts: behind a proxy, a request's is often "http".
    """
    home = urlsplit(base_url)
    ours = {*allowed, f"{home.scheme}://{home.netloc}"}
    if host and host != home.netloc:
        ours.add(f"{scheme}://{host}")
    return origin in ours
