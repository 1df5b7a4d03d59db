"""What REDIS_URL may say."""

import pytest

from hub.engine.redis_address import Form, parse_address


@pytest.mark.parametrize("url", ["redis://redis:6379/0", "rediss://u:p@redis:6380/2", "unix:///run/valkey.sock?db=3"])
def test_one_server_keeps_its_url(url: str) -> None:
    address = parse_address(url)
    assert (address.form, address.url) == (Form.ONE, url)


def test_sentinels_with_everything() -> None:
    url = "rediss+sentinel://hub:p%40ss@one:26380,[::1]:26381,three/my%20master/2?sentinel_password=s&ssl_ca_certs=/ca.pem"
    address = parse_address(url)
    assert address.form is Form.SENTINEL
    assert address.hosts == (("one", 26380), ("::1", 26381), ("three", 26379))
    assert (address.master, address.db) == ("my master", 2)
    assert address.credentials == {"username": "hub", "password": "p@ss"}
    assert address.sentinel_credentials == {"password": "s"}
    assert address.tls == {"ssl": True, "ssl_ca_certs": "/ca.pem"}


def test_a_cluster_by_some_of_its_nodes() -> None:
    address = parse_address("redis+cluster://:secret@one:7000,two")
    assert address.form is Form.CLUSTER
    assert address.hosts == (("one", 7000), ("two", 6379))
    assert address.credentials == {"password": "secret"}
    assert address.tls == {}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://redis", "must start with"),
        ("redis+ring://redis", "cannot start with"),
        ("unix+cluster:///run/valkey.sock", "cannot start with"),
        ("redis+sentinel://:hidden@one:26379", "must end with /master-name"),
        ("redis+sentinel://one/master/zero", "must end with /master-name"),
        ("redis+sentinel://one/master/0/1", "must end with /master-name"),
        ("redis+sentinel://one/master?password=hidden", "not known: password"),
        ("redis+sentinel:///master", "must name host:port"),
        ("redis+cluster://one:port", "must name host:port"),
        ("redis+cluster://one,,two", "must name host:port"),
        ("redis+cluster://one:7000/1", "only number 0"),
    ],
)
def test_what_cannot_be_used_is_refused_without_the_password(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_address(url)
    assert "hidden" not in str(caught.value)


def test_credentials_are_not_shown() -> None:
    shown = repr(parse_address("redis+sentinel://u:hidden@one/m?sentinel_password=hidden"))
    assert "hidden" not in shown
