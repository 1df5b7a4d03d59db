"""Orders survive the way to the other nodes, and reach the connections that are meant."""

import pytest

from hub.engine.orders import Disconnect, Refresh, Subscribe, Unsubscribe, concerns, decode_order, encode_order
from hub.protocol.override import Flag, Override
from hub.protocol.stream import StreamPosition


@pytest.mark.parametrize(
    "order",
    [
        Disconnect(user="42", code=3503, reason="force disconnect", spared=("c1",)),
        Unsubscribe(user="42", client="c1", channel="chat:1"),
        Subscribe(user="", client="c1", channel="chat:1"),
        Subscribe(
            user="42",
            channel="чат",
            info=b'{"a":1}',
            data=b"[]",
            since=StreamPosition("e", 7),
            override=Override(presence=Flag(True)),
        ),
        Refresh(user="42", expires_at_s=1_800_000_000),
        Refresh(user="42"),
    ],
)
def test_an_order_arrives_as_it_was_given(order):
    assert decode_order(encode_order(order)) == order


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"do":"dance","user":"42"}', b'{"do":"refresh"}', b"\xff"])
def test_what_is_no_order_is_refused(raw):
    with pytest.raises(ValueError, match="not an order"):
        decode_order(raw)


@pytest.mark.parametrize(
    ("order", "is_meant"),
    [
        (Unsubscribe(user="42", channel="x"), True),
        (Unsubscribe(user="42", client="c1", channel="x"), True),
        (Unsubscribe(user="42", client="c2", channel="x"), False),
        (Unsubscribe(user="43", channel="x"), False),
        (Unsubscribe(user="43", client="c1", channel="x"), False),
        (Disconnect(user="42", code=3503, reason=""), True),
        (Disconnect(user="42", code=3503, reason="", spared=("c2",)), True),
        (Disconnect(user="42", code=3503, reason="", spared=("c1", "c2")), False),
    ],
)
def test_who_is_meant(order, is_meant):
    assert concerns(order, user="42", client="c1") is is_meant
