"""Who may do what in a custom channel: by tables, with the users and rights that differ."""

import pytest

from hub.auth.rules import (
    ChannelRights,
    ChannelRules,
    Grant,
    Terms,
    is_reserved,
    personal_channel,
    users_named_in,
)
from hub.protocol.codes import ErrorCode

UNKNOWN, DENIED, OFF = ErrorCode.UNKNOWN_CHANNEL, ErrorCode.PERMISSION_DENIED, ErrorCode.NOT_AVAILABLE
CLIENT, SUBSCRIBER = Grant(to_client=True), Grant(to_subscriber=True)
NO_RIGHTS = ChannelRights()
EVERYBODY = Grant(to_client=True, to_anonymous=True)


def rules_of(rights=NO_RIGHTS, *, has_history=True, has_presence=True, is_insecure=False, personal=False):
    """Rules of a hub with one namespace, `chat`, and channels without namespace, both with `rights`."""
    terms = Terms(rights, has_history=has_history, has_presence=has_presence)

    def terms_of(channel):
        return terms if ":" not in channel or channel.startswith("chat:") else None

    return ChannelRules(terms_of, is_insecure=is_insecure, has_personal_channels=personal)


@pytest.mark.parametrize(
    ("grant", "user", "answer"),
    [
        (Grant(), "ann", DENIED),
        (CLIENT, "ann", None),
        (CLIENT, "", DENIED),
        (EVERYBODY, "", None),
        (Grant(to_anonymous=True), "", DENIED),
        (Grant(to_anonymous=True), "ann", DENIED),
    ],
)
def test_subscribing_without_a_token(grant, user, answer):
    assert rules_of(ChannelRights(subscribe=grant)).subscribe("chat:1", user) is answer


def test_a_subscription_token_opens_a_channel_that_nothing_else_does():
    assert rules_of().subscribe("chat:1", "ann", has_token=True) is None
    assert rules_of().subscribe("chat:1", "", has_token=True) is None


def test_an_unknown_namespace_is_unknown_whatever_one_shows():
    rules = rules_of(is_insecure=True)
    assert rules.subscribe("news:1", "ann", has_token=True) is UNKNOWN
    assert rules.give("news:1") is UNKNOWN
    assert rules.publish("news:1", "ann", is_subscribed=True) is UNKNOWN
    assert rules.history("news:1", "ann", is_subscribed=True) is UNKNOWN
    assert rules.presence("news:1", "ann", is_subscribed=True) is UNKNOWN


@pytest.mark.parametrize(
    "channel",
    ["page:acme", "page:acme@all", "page:", "page", "page:#ann", "account:1qga2y562ead", "control", "beat"],
)
def test_no_token_and_no_mode_opens_a_page_or_what_the_nodes_use(channel):
    """A signed channel token opens custom channels only."""
    everything = ChannelRights(EVERYBODY, EVERYBODY, EVERYBODY, EVERYBODY, opens_limited_channels=True)
    terms = Terms(everything, has_history=True, has_presence=True)
    rules = ChannelRules(lambda _: terms, is_insecure=True, has_personal_channels=True)
    assert is_reserved(channel)
    assert rules.subscribe(channel, "ann", has_token=True) is DENIED
    assert rules.give(channel) is DENIED
    assert rules.publish(channel, "ann", is_subscribed=True) is DENIED
    assert rules.history(channel, "ann", is_subscribed=True) is DENIED
    assert rules.presence(channel, "ann", is_subscribed=True) is DENIED


@pytest.mark.parametrize("channel", ["", "x" * 256, "a b", "a\nb", "a\0b", "a\u2028b", "chat:\ud800"])
def test_a_name_that_cannot_be_one_is_a_bad_request(channel):
    rules = rules_of(is_insecure=True)
    assert rules.give(channel) is ErrorCode.BAD_REQUEST
    assert rules.subscribe(channel, "ann", has_token=True) is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize("channel", ["chat:1", "x" * 255, "комната", "a/b?c=d&e@f+g", "#ann@example.com"])
def test_a_name_may_be_of_any_script(channel):
    assert rules_of(is_insecure=True).subscribe(channel, "") is None


@pytest.mark.parametrize("channel", ["pages", "pages:1", "beats", "chat:control", "Page:acme"])
def test_names_that_only_look_reserved_are_custom_channels(channel):
    assert not is_reserved(channel)


@pytest.mark.parametrize("verb", ["publish", "history", "presence"])
@pytest.mark.parametrize(
    ("grant", "user", "is_subscribed", "answer"),
    [
        (Grant(), "ann", True, DENIED),
        (CLIENT, "ann", False, None),
        (CLIENT, "", False, DENIED),
        (EVERYBODY, "", False, None),
        (SUBSCRIBER, "ann", False, DENIED),
        (SUBSCRIBER, "ann", True, None),
        (SUBSCRIBER, "", True, DENIED),
        (Grant(to_subscriber=True, to_anonymous=True), "", True, None),
        (Grant(to_subscriber=True, to_anonymous=True), "", False, DENIED),
        (Grant(to_anonymous=True), "", True, DENIED),
    ],
)
def test_publishing_and_reading(verb, grant, user, is_subscribed, answer):
    rules = rules_of(ChannelRights(**{verb: grant}))
    assert getattr(rules, verb)("chat:1", user, is_subscribed=is_subscribed) is answer


def test_what_is_off_is_off_before_rights_are_asked():
    rules = rules_of(has_history=False, has_presence=False, is_insecure=True)
    assert rules.history("chat:1", "ann", is_subscribed=True) is OFF
    assert rules.presence("chat:1", "ann", is_subscribed=True) is OFF
    assert rules.publish("chat:1", "ann", is_subscribed=False) is None


def test_insecure_mode_lets_anybody_do_everything():
    rules = rules_of(is_insecure=True)
    for channel in ("chat:1", "room", "chat:1#ann", "#ann"):
        assert rules.subscribe(channel, "") is None
        assert rules.publish(channel, "", is_subscribed=False) is None
        assert rules.history(channel, "", is_subscribed=False) is None
        assert rules.presence(channel, "", is_subscribed=False) is None


@pytest.mark.parametrize(
    ("channel", "user", "answer"),
    [
        ("chat:1#ann", "ann", None),
        ("chat:1#ann,bob", "bob", None),
        ("chat:1#ann,bob", "eve", DENIED),
        ("chat:1#ann,bob", "", DENIED),
        ("chat:1#ann,bob", "ann,bob", DENIED),
        ("chat:1#", "", DENIED),
        ("chat:1#,", "", DENIED),
        ("#ann", "ann", None),
        ("#ann", "bob", DENIED),
    ],
)
def test_a_limited_channel_is_open_to_the_users_it_names_and_to_nobody_else(channel, user, answer):
    rules = rules_of(ChannelRights(subscribe=EVERYBODY, opens_limited_channels=True))
    assert rules.subscribe(channel, user) is answer


def test_limited_channels_open_only_where_the_namespace_says_so():
    rules = rules_of(ChannelRights(subscribe=EVERYBODY))
    assert rules.subscribe("chat:1#ann", "ann") is DENIED
    assert rules.subscribe("#ann", "ann") is DENIED


def test_everybody_may_enter_the_own_personal_channel_where_there_are_some():
    rules = rules_of(personal=True)
    assert rules.subscribe("#ann", "ann") is None
    assert rules.subscribe("#ann", "bob") is DENIED
    assert rules.subscribe("#", "") is DENIED
    assert rules.subscribe("chat:1#ann", "ann") is DENIED


def test_a_limited_channel_takes_publications_from_inside_only():
    rules = rules_of(ChannelRights(publish=EVERYBODY))
    assert rules.publish("chat:1#ann", "ann", is_subscribed=False) is None
    assert rules.publish("chat:1#ann", "eve", is_subscribed=False) is DENIED
    assert rules.publish("chat:1#ann", "", is_subscribed=False) is DENIED
    assert rules.publish("chat:1#ann", "eve", is_subscribed=True) is None


@pytest.mark.parametrize("user", ["", "a#b", "a,b", "x" * 255])
def test_an_id_that_cannot_name_one_user_has_no_personal_channel(user):
    assert personal_channel(user) is None


def test_a_personal_channel_names_its_user_alone():
    assert personal_channel("auth0:42") == "#auth0:42"
    assert users_named_in("#auth0:42") == {"auth0:42"}
    assert users_named_in("chat:1") is None
