import pytest

from hub.auth.origins import is_allowed_origin

REQUEST = {
    "scheme": "http",
    "host": "localhost:8000",
    "base_url": "https://status.acme.example",
    "allowed": ("https://console.acme.example",),
}


@pytest.mark.parametrize(
    "origin", ["http://localhost:8000", "https://status.acme.example", "https://console.acme.example"]
)
def test_the_hub_itself_and_listed_origins_are_allowed(origin):
    assert is_allowed_origin(origin, **REQUEST)


@pytest.mark.parametrize(
    "origin",
    [
        "", "null", "https://evil.example", "https://status.acme.example.evil", "https://evilstatus.acme.example",
        "http://status.acme.example", "https://status.acme.example:8443", "https://localhost:8000",
        "http://localhost:8001", "http://localhost", "https://status.acme.example/", "https://status.acme.example/x",
        "https://user@status.acme.example", "HTTPS://STATUS.ACME.EXAMPLE", "https://status.acme.example ", "http://[",
        "file://", "*",
    ],
)  # fmt: skip
def test_everything_else_is_not(origin):
    assert not is_allowed_origin(origin, **REQUEST)


def test_an_empty_host_allows_nothing():
    assert not is_allowed_origin("http://", **{**REQUEST, "host": ""})


def test_the_hubs_own_name_counts_by_its_own_scheme_alone():
    """A proxy that ends TLS speaks plain http to the hub; a page that came by http is another origin all the same."""
    behind_a_proxy = {**REQUEST, "host": "status.acme.example"}
    assert is_allowed_origin("https://status.acme.example", **behind_a_proxy)
    assert not is_allowed_origin("http://status.acme.example", **behind_a_proxy)
