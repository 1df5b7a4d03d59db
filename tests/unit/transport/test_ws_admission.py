"""How many sockets a process and an address may have."""

import pytest

from hub.auth.addresses import counted_as
from hub.transport.ws_admission import Admission
from hub.transport.ws_answers import Refused


def refused(admission: Admission, address: str | None) -> int:
    with pytest.raises(Refused) as caught:
        admission.enter(address)
    assert dict(caught.value.headers)[b"retry-after"]
    return caught.value.status


def test_an_address_has_so_many_strangers_and_another_address_its_own() -> None:
    admission = Admission(strangers_per_address=2)
    for address in ("a", "a", "b"):
        admission.enter(address)
    assert refused(admission, "a") == 429
    admission.enter("b")
    assert admission.sockets == 4


def test_who_has_authenticated_is_no_stranger() -> None:
    admission = Admission(strangers_per_address=1)
    for _ in range(5):
        admission.enter("a")
        admission.authenticate("a")
    assert admission.strangers == 0
    admission.enter("a")
    assert refused(admission, "a") == 429


def test_who_leaves_makes_room() -> None:
    admission = Admission(sockets=2, strangers_per_address=1)
    admission.enter("a")
    admission.leave("a")
    admission.enter("a")
    admission.authenticate("a")
    admission.enter("b")
    assert refused(admission, "c") == 503
    admission.leave(None)
    admission.enter("c")
    assert (admission.sockets, admission.strangers) == (2, 2)


def test_a_proxy_that_names_nobody_is_not_counted_as_one() -> None:
    admission = Admission(sockets=3, strangers_per_address=1)
    for _ in range(3):
        admission.enter(None)
    assert refused(admission, None) == 503


def test_no_limit_is_no_limit() -> None:
    admission = Admission()
    for _ in range(1_000):
        admission.enter("a")
    assert admission.has_room_for_silent
    admission.silent = 10_000
    assert admission.has_room_for_silent
    assert not Admission(silent=0).silent


def test_there_is_room_for_so_many_that_say_nothing() -> None:
    admission = Admission(silent=2)
    admission.silent = 1
    assert admission.has_room_for_silent
    admission.silent = 2
    assert not admission.has_room_for_silent


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "20010db800010002::/64"),
        ("2001:db8:1:2::1", "20010db800010002::/64"),
        ("fe80::1%eth0", "fe80000000000000::/64"),
        ("a socket", "a socket"),
    ],
)
def test_who_has_an_address_of_ipv6_has_them_all(address: str, counted: str) -> None:
    assert counted_as(address) == counted
