"""Audiences and the views that follow from them."""

import pytest

from hub.domain.audience import OPERATORS, View, Viewer, is_audience, view_of_key
from hub.domain.channel import channel_name, is_slug, parse_channel

ANON, FAKE, VERIFIED = Viewer(), Viewer(is_authenticated=True), Viewer(is_authenticated=True, is_verified=True)
MEMBER = Viewer(is_authenticated=True, is_verified=True, groups=frozenset({"ops", "unused"}))


@pytest.mark.parametrize(
    ("viewer", "in_use", "key"),
    [
        (ANON, {"public", "authenticated", "verified", "group:ops"}, "public"),
        (FAKE, {"public", "authenticated", "verified"}, "authenticated"),
        (FAKE, {"public"}, "public"),  # who would see the same shares one channel
        (FAKE, {"public", "verified"}, "public"),
        (VERIFIED, {"public", "authenticated"}, "authenticated"),
        (VERIFIED, {"public", "authenticated", "verified"}, "verified"),
        (MEMBER, {"public", "group:ops"}, "public+group-ops"),
        (MEMBER, {"public", "verified", "group:ops", "group:other"}, "verified+group-ops"),
        (Viewer(is_operator=True), {"public"}, "all"),
        (Viewer(groups=frozenset({"ops"})), {"group:ops"}, "public"),  # membership without an account is nothing
    ],
)
def test_a_viewer_gets_the_one_view_his_rights_give(viewer, in_use, key):
    assert viewer.view(in_use).key == key


def test_a_view_admits_every_audience_below_it_and_no_other():
    verified = view_of_key("verified")
    assert [verified.admits(name) for name in ("public", "authenticated", "verified", "group:ops")] == [True] * 3 + [
        False
    ]
    assert OPERATORS.admits("group:anything")
    assert not View().admits("authenticated")


@pytest.mark.parametrize(
    "key", ["public", "authenticated", "verified", "verified+group-ops", "public+group-a+group-b", "all"]
)
def test_the_name_of_a_view_is_read_back(key):
    assert view_of_key(key).key == key


@pytest.mark.parametrize(
    "key", ["", "Public", "all+group-ops", "group-ops", "public+ops", "public+group-b+group-a", "public+group-"]
)
def test_other_names_are_no_views(key):
    with pytest.raises(ValueError, match="not a view"):
        view_of_key(key)


@pytest.mark.parametrize("name", ["public", "authenticated", "verified", "group:ops", "group:a-1"])
def test_the_audiences_there_are(name):
    assert is_audience(name)


@pytest.mark.parametrize("name", ["", "all", "Public", "group:", "group:OPS", "group:-a", "group:a b", "operators"])
def test_what_is_no_audience(name):
    assert not is_audience(name)


@pytest.mark.parametrize("key", ["public", "authenticated", "verified+group-ops", "all"])
def test_a_channel_name_is_read_back(key):
    view = view_of_key(key)
    named = parse_channel(channel_name("acme", view))
    assert named is not None
    assert (named.slug, named.view or View()) == ("acme", view)


@pytest.mark.parametrize(
    "name",
    [
        "", "acme", "page:", "page:ACME", "page:%70age", "page:acme ", " page:acme", "page:acme\x00", "page:acme@",
        "page:acme@verified@group", "page:acme@nobody", "page:*", "*", "control", "beat", "#other", "page:аcme",
        "page:acme@group-ops", "page:" + "a" * 64, "page:-acme", "page:acme\n", "pages:acme",
    ],
)  # fmt: skip
def test_nothing_else_names_a_page_channel(name):
    assert parse_channel(name) is None


@pytest.mark.parametrize(
    ("slug", "allowed"),
    [
        ("a", True),
        ("a-b", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("a_b", False),
        ("-a", False),
        ("a-", False),
        ("Ä", False),
        ("", False),
    ],
)
def test_slugs(slug, allowed):
    assert is_slug(slug) is allowed
