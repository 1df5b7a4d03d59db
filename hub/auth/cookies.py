"""The hub's cookies: what they are called on the wire, and with which attributes they are set. Pure.

All edges read them here. They are HttpOnly and SameSite=Lax. A hub that is reached by https (its base address says so)
calls them `__Host-…` or `__Secure-…`: browsers take such names only with Secure, and `__Host-` only for the very host
and all its paths, so that neither a page on a neighbouring name nor one on plain http can plant a session of its own
(RFC 6265bis §4.1.3). The refresh cookie goes to the addresses of signing in alone, which `__Host-` does not allow.
"""

from collections.abc import Mapping

ACCESS_COOKIE, REFRESH_COOKIE = "hub_access", "hub_refresh"
REFRESH_PATH = "/api/v1/auth"  # the refresh token travels nowhere else


def cookie_path(name: str) -> str:
    return REFRESH_PATH if name == REFRESH_COOKIE else "/"


def cookie_name(name: str, base_url: str) -> str:
    """`name` as browsers know it under `base_url`."""
    if not base_url.startswith("https:"):
        return name
    return f"__Host-{name}" if cookie_path(name) == "/" else f"__Secure-{name}"


def read_cookie(cookies: Mapping[str, str], name: str, base_url: str) -> str:
    """Its value in a request's cookies; empty without it. Under https a plain name counts for nothing."""
    return cookies.get(cookie_name(name, base_url), "")


def set_cookie(name: str, value: str, max_age_s: int, base_url: str) -> str:
    """The value of a Set-Cookie header; a `max_age_s` of 0 deletes the cookie. `value` is a token of ours."""
    secure = "; Secure" if base_url.startswith("https:") else ""
    return (
        f"{cookie_name(name, base_url)}={value}; Max-Age={max_age_s}; Path={cookie_path(name)}"
        f"; HttpOnly; SameSite=Lax{secure}"
    )
