from http.cookies import SimpleCookie

import pytest

from hub.auth.cookies import ACCESS_COOKIE, REFRESH_COOKIE, cookie_name, read_cookie, set_cookie

PLAIN, SECURE = "http://127.0.0.1:8000", "https://status.example"


@pytest.mark.parametrize(
    ("name", "base_url", "expected"),
    [
        (ACCESS_COOKIE, PLAIN, "hub_access"),
        (REFRESH_COOKIE, PLAIN, "hub_refresh"),
        (ACCESS_COOKIE, SECURE, "__Host-hub_access"),
        (REFRESH_COOKIE, SECURE, "__Secure-hub_refresh"),
    ],
)
def test_names_say_what_browsers_have_to_check(name, base_url, expected):
    """T14."""
    assert cookie_name(name, base_url) == expected
    assert read_cookie({expected: "token"}, name, base_url) == "token"


def test_under_https_a_cookie_that_anybody_could_have_planted_counts_for_nothing():
    """T14."""
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        assert read_cookie({name: "planted"}, name, SECURE) == ""
    assert read_cookie({"__Secure-hub_access": "planted"}, ACCESS_COOKIE, SECURE) == ""
    assert read_cookie({"__Host-hub_access": "from elsewhere"}, ACCESS_COOKIE, PLAIN) == ""


@pytest.mark.parametrize("base_url", [PLAIN, SECURE])
@pytest.mark.parametrize(("name", "path"), [(ACCESS_COOKIE, "/"), (REFRESH_COOKIE, "/api/v1/auth")])
@pytest.mark.parametrize("max_age_s", [0, 600])
def test_attributes_are_the_same_when_it_is_set_and_when_it_is_deleted(name, path, base_url, max_age_s):
    """T14."""
    (cookie,) = SimpleCookie(set_cookie(name, "token" if max_age_s else "", max_age_s, base_url)).values()
    assert cookie.key == cookie_name(name, base_url)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == path
    assert cookie["max-age"] == str(max_age_s)
    assert cookie["domain"] == ""
    assert bool(cookie["secure"]) is (base_url is SECURE)
