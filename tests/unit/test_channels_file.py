"""The channels file: what it says is what the hub does, and what it cannot mean is an error that names the place."""

import json
from itertools import product
from pathlib import Path

import pytest

from hub.auth.rules import Grant
from hub.channels_file import PERSONAL, ChannelsConfig, channels_of, overridden, parse_channels, read_channels
from hub.engine.options import ChannelOptions
from hub.protocol.codes import ErrorCode
from hub.protocol.override import Flag, Override
from hub.settings import Settings

PROFILES = Path(__file__).parents[2] / "deploy" / "sdk"
HISTORY = {"history_size": 10, "history_ttl": "60s"}


def parsed(**file):
    return parse_channels(json.dumps(file).encode())


def one(**options):
    """The namespace `chat` with these options."""
    namespace = parsed(namespaces=[{"name": "chat", **options}]).namespace("chat:1")
    assert namespace is not None
    return namespace


def test_without_a_file_there_are_only_personal_channels():
    config = channels_of(Settings())
    assert config == ChannelsConfig()
    assert config.namespace("chat:1") is None
    assert config.namespace("room") is None
    assert config.namespace("#ann") is PERSONAL
    assert config.rules().subscribe("chat:1", "ann", has_token=True) is ErrorCode.UNKNOWN_CHANNEL
    assert config.rules().subscribe("#ann", "ann") is ErrorCode.PERMISSION_DENIED


def test_an_empty_file_says_as_much():
    assert parsed() == ChannelsConfig()


def test_a_channel_belongs_to_the_namespace_before_its_first_colon():
    config = parsed(namespaces=[{"name": "chat", **HISTORY}], without_namespace={"presence": True})
    assert config.options("chat:1:2").history_size == 10
    assert config.options("room").has_presence
    assert config.options("chat").has_presence
    assert config.options("#auth0:42").has_presence
    assert config.options("news:1") is None
    assert config.options(":1") is None


def test_every_option_reaches_what_it_stands_for():
    options = one(
        history_size=300,
        history_ttl="1h30m",
        force_recovery=True,
        force_recovery_mode="cache",
        presence=True,
        join_leave=True,
        force_push_join_leave=True,
        allowed_delta_types=["fossil"],
    ).options
    assert options == ChannelOptions(
        history_size=300,
        history_ttl_s=5400,
        has_recovery=True,
        has_presence=True,
        has_join_leave=True,
        pushes_join_leave=True,
        has_delta=True,
        is_cache=True,
    )
    assert one().options == ChannelOptions(history_ttl_s=0)


@pytest.mark.parametrize(
    ("verb", "who"),
    [
        *product(["publish", "history", "presence"], ["client", "subscriber", "anonymous"]),
        *product(["subscribe"], ["client", "anonymous"]),
    ],
)
def test_every_right_reaches_what_it_stands_for(verb, who):
    rights = one(**{f"allow_{verb}_for_{who}": True}).rights
    assert getattr(rights, verb) == Grant(**{f"to_{who}": True})
    others = {"subscribe", "publish", "history", "presence"} - {verb}
    assert {getattr(rights, other) for other in others} == {Grant()}


def test_limited_channels_and_personal_ones_are_switched_on():
    assert one(allow_user_limited_channels=True).rights.opens_limited_channels
    config = parsed(client={"user_subscribe_to_personal": {"enabled": True}})
    assert config.has_personal_channels
    assert config.rules().subscribe("#ann", "ann") is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("300s", 300), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5)]
)
def test_durations_are_written_as_centrifugo_writes_them(text, seconds):
    assert one(history_size=1, history_ttl=text).options.history_ttl_s == seconds


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"namespace": []}, "unknown field `namespace`"),
        ({"client": {"token_hmac_secret": "secret"}}, "client: .*unknown field `token_hmac_secret`"),
        ({"namespaces": [{}]}, r"namespaces\[\.*\d*\]?.*`name`"),
        ({"namespaces": [{"name": "a:b"}]}, r"namespaces\[0\].name: 'a:b' cannot"),
        ({"namespaces": [{"name": ""}]}, r"namespaces\[0\].name"),
        ({"namespaces": [{"name": "page"}]}, r"namespaces\[0\].name: 'page' cannot"),
        ({"namespaces": [{"name": "a"}, {"name": "a"}]}, r"namespaces\[1\].name: 'a' is there twice"),
        ({"namespaces": [{"name": "a", "presense": True}]}, "unknown field `presense`"),
        ({"namespaces": [{"name": "a", "presence": 1}]}, "presence: Expected `bool`"),
        ({"without_namespace": {"name": "a"}}, "without_namespace: .*unknown field `name`"),
        ({"without_namespace": {"history_size": "5"}}, "without_namespace.history_size: Expected `int`"),
        ({"without_namespace": {"history_size": -1}}, "history_size: must not be negative"),
        ({"without_namespace": {"history_size": 5}}, "without_namespace: history_size and history_ttl go together"),
        ({"without_namespace": {"history_ttl": "5s"}}, "history_size and history_ttl go together"),
        ({"without_namespace": {"history_size": 5, "history_ttl": "5"}}, "history_ttl: must be a duration"),
        ({"without_namespace": {"history_size": 5, "history_ttl": "-5s"}}, "history_ttl: must be a duration"),
        ({"without_namespace": {"force_recovery": True}}, "need history_size"),
        ({"without_namespace": {"force_positioning": True}}, "need history_size"),
        ({"without_namespace": {**HISTORY, "force_recovery_mode": "all"}}, "must be stream or cache"),
        ({"without_namespace": {"allowed_delta_types": ["xdelta"]}}, "only fossil is known"),
        ({"without_namespace": {"force_push_join_leave": True}}, "needs join_leave"),
        ([], "Expected `object`"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_place(file, words):
    with pytest.raises(ValueError, match=words) as caught:
        parse_channels(json.dumps(file).encode())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b'{"client": {"insecure": tru}}', b"\xff"])
def test_a_file_that_is_no_json_is_named(tmp_path, content):
    path = tmp_path / "channels.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"channels\.json: not JSON") as caught:
        read_channels(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"channels\.json cannot be read: No such file"):
        channels_of(Settings.model_validate({"hub_channels_file": tmp_path / "channels.json"}))


def test_insecure_mode_is_refused_where_the_world_can_reach_the_hub(tmp_path):
    path = tmp_path / "channels.json"
    path.write_text('{"client": {"insecure": true}}')
    settings = Settings.model_validate({"hub_channels_file": path})
    assert channels_of(settings).is_insecure
    with pytest.raises(ValueError, match=r"client\.insecure"):
        channels_of(settings.model_copy(update={"hub_base_url": "https://status.example.com"}))


def test_an_override_changes_what_it_names():
    options = ChannelOptions(history_size=10, has_presence=True, has_join_leave=True)
    assert overridden(options, Override()) == options
    changed = overridden(options, Override(presence=Flag(False), force_recovery=Flag(True)))
    assert (changed.has_presence, changed.has_recovery, changed.has_join_leave) == (False, True, True)
    assert not overridden(ChannelOptions(), Override(force_recovery=Flag(True))).has_recovery


def test_the_profiles_for_the_suites_of_the_sdks_are_what_they_want():
    py, js = read_channels(PROFILES / "py.json"), read_channels(PROFILES / "js.json")
    for config in (py, js):
        options = config.options("channel")
        assert (options.history_size, options.history_ttl_s) == (100, 300)
        assert options.has_recovery
        assert options.has_presence
        assert options.has_delta
        assert config.options("smallhistory:x").history_size == 2
        assert config.options("unknown:x") is None
    assert py.options("#42").pushes_join_leave
    assert py.has_personal_channels
    assert not py.is_insecure
    assert js.is_insecure
    assert js.options("recovery:x").history_size == js.options("delta:x").history_size == 100
    assert js.options("delta:x").has_delta
