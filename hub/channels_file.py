"""The custom channels of a hub: what `HUB_CHANNELS_FILE` says of their namespaces, read once at start.

The file is JSON in the words of Centrifugo's channel options (docs/operations.md#custom-channels). It is read strictly:
a word that is not known is an error that names its place.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from hub.auth.rules import ACCOUNT_NAMESPACE, PAGE_NAMESPACE, ChannelRights, ChannelRules, Grant, Terms
from hub.engine.options import ChannelOptions
from hub.protocol.override import Flag, Override
from hub.settings import Settings

log = logging.getLogger(__name__)

_NAME = re.compile(r"[-A-Za-z0-9_.]{1,64}")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_PART_OF_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Namespace:
    """What channels of one kind can do, and who may make them do it."""

    options: ChannelOptions
    rights: ChannelRights

    @property
    def terms(self) -> Terms:
        return Terms(self.rights, has_history=self.options.history_size > 0, has_presence=self.options.has_presence)


PERSONAL = Namespace(ChannelOptions(), ChannelRights())  # of `#<user>` where the file has no `without_namespace`


@dataclass(frozen=True, slots=True)
class ChannelsConfig:
    """All that is configured of custom channels; the default is a hub that has none but personal ones."""

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    without_namespace: Namespace | None = None
    is_insecure: bool = False
    has_personal_channels: bool = False  # every client with a user id is subscribed to `#<user>`

    def namespace(self, channel: str) -> Namespace | None:
        """Of a custom channel's name, by what stands before its first colon; None: no such channel."""
        if channel.startswith(f"{ACCOUNT_NAMESPACE}:"):
            return PERSONAL
        if channel.startswith("#"):  # before the colon that an id may hold
            return self.without_namespace or PERSONAL
        name, colon, _ = channel.partition(":")
        return self.namespaces.get(name) if colon else self.without_namespace

    def options(self, channel: str) -> ChannelOptions | None:
        namespace = self.namespace(channel)
        return None if namespace is None else namespace.options

    def rules(self) -> ChannelRules:
        def terms_of(channel: str) -> Terms | None:
            namespace = self.namespace(channel)
            return None if namespace is None else namespace.terms

        return ChannelRules(terms_of, is_insecure=self.is_insecure, has_personal_channels=self.has_personal_channels)


def channels_of(settings: Settings) -> ChannelsConfig:
    """What the settings' file says; raises ValueError, in one line for people."""
    if settings.hub_channels_file is None:
        return ChannelsConfig()
    config = read_channels(settings.hub_channels_file)
    if config.is_insecure and settings.base_url.startswith("https:"):
        raise ValueError(
            f"{settings.hub_channels_file}: client.insecure is for tests on one machine, not for {settings.base_url}"
        )
    if config.is_insecure:
        log.warning("insecure client mode: anybody may do everything in the custom channels of this hub")
    return config


def read_channels(path: Path) -> ChannelsConfig:
    """Raises ValueError, in one line that names the file and the place in it."""
    try:
        return parse_channels(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_channels(text: bytes) -> ChannelsConfig:
    """As `read_channels`, of the file's content."""
    try:
        file = msgspec.json.decode(text, type=_File)
    except msgspec.ValidationError as error:
        raise ValueError(_say(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    namespaces: dict[str, Namespace] = {}
    for number, entry in enumerate(file.namespaces):
        place = f"namespaces[{number}]"
        if not _NAME.fullmatch(entry.name) or entry.name in {PAGE_NAMESPACE, ACCOUNT_NAMESPACE}:
            raise ValueError(f"{place}.name: {entry.name!r} cannot be the name of a namespace")
        if entry.name in namespaces:
            raise ValueError(f"{place}.name: {entry.name!r} is there twice")
        namespaces[entry.name] = _namespace(entry, place)
    default = None if file.without_namespace is None else _namespace(file.without_namespace, "without_namespace")
    return ChannelsConfig(
        namespaces,
        default,
        is_insecure=file.client.insecure,
        has_personal_channels=file.client.user_subscribe_to_personal.enabled,
    )


def overridden(options: ChannelOptions, override: Override) -> ChannelOptions:
    """`options` as a token or the server API wants them for one subscription; history stays what the channel has."""

    def said(flag: Flag | None, otherwise: bool) -> bool:
        return otherwise if flag is None else flag.value

    return replace(
        options,
        has_presence=said(override.presence, options.has_presence),
        has_join_leave=said(override.join_leave, options.has_join_leave),
        pushes_join_leave=said(override.force_push_join_leave, options.pushes_join_leave),
        has_recovery=said(override.force_recovery, options.has_recovery) and options.history_size > 0,
    )


class _Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    history_size: int = 0
    history_ttl: str = "0s"
    force_recovery: bool = False
    force_recovery_mode: str = "stream"
    force_positioning: bool = False  # every channel with a history has positions
    presence: bool = False
    join_leave: bool = False
    force_push_join_leave: bool = False
    delta_publish: bool = False  # says nothing here: who has negotiated differences gets them
    allowed_delta_types: list[str] = []
    allow_subscribe_for_client: bool = False
    allow_subscribe_for_anonymous: bool = False
    allow_user_limited_channels: bool = False
    allow_publish_for_client: bool = False
    allow_publish_for_subscriber: bool = False
    allow_publish_for_anonymous: bool = False
    allow_history_for_client: bool = False
    allow_history_for_subscriber: bool = False
    allow_history_for_anonymous: bool = False
    allow_presence_for_client: bool = False
    allow_presence_for_subscriber: bool = False
    allow_presence_for_anonymous: bool = False


class _Entry(_Options, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str


class _Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = False


class _Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    insecure: bool = False
    user_subscribe_to_personal: _Switch = _Switch()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    namespaces: list[_Entry] = []
    without_namespace: _Options | None = None
    client: _Client = _Client()


def _namespace(said: _Options, place: str) -> Namespace:
    history_ttl_s = _seconds(said.history_ttl, f"{place}.history_ttl")
    if said.history_size < 0:
        raise ValueError(f"{place}.history_size: must not be negative")
    if (said.history_size > 0) != (history_ttl_s > 0):
        raise ValueError(f"{place}: history_size and history_ttl go together")
    if said.history_size == 0 and (said.force_recovery or said.force_positioning):
        raise ValueError(f"{place}: force_recovery and force_positioning need history_size and history_ttl")
    if said.force_recovery_mode not in {"stream", "cache"}:
        raise ValueError(f"{place}.force_recovery_mode: must be stream or cache")
    if not set(said.allowed_delta_types) <= {"fossil"}:
        raise ValueError(f"{place}.allowed_delta_types: only fossil is known")
    if said.force_push_join_leave and not said.join_leave:
        raise ValueError(f"{place}: force_push_join_leave needs join_leave")
    options = ChannelOptions(
        history_size=said.history_size,
        history_ttl_s=history_ttl_s,
        has_recovery=said.force_recovery,
        has_presence=said.presence,
        has_join_leave=said.join_leave,
        pushes_join_leave=said.force_push_join_leave,
        has_delta="fossil" in said.allowed_delta_types,
        is_cache=said.force_recovery_mode == "cache",
    )
    return Namespace(options, _rights(said))


def _rights(said: _Options) -> ChannelRights:
    def grant(verb: str) -> Grant:
        def is_allowed(who: str) -> bool:
            return getattr(said, f"allow_{verb}_for_{who}", False)

        return Grant(is_allowed("client"), is_allowed("subscriber"), is_allowed("anonymous"))

    return ChannelRights(
        subscribe=grant("subscribe"),
        publish=grant("publish"),
        history=grant("history"),
        presence=grant("presence"),
        opens_limited_channels=said.allow_user_limited_channels,
    )


def _seconds(text: str, place: str) -> float:
    if not _DURATION.fullmatch(text):
        raise ValueError(f'{place}: must be a duration such as "300s", "5m" or "1h30m"')
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART_OF_DURATION.findall(text))


def _say(message: str) -> str:
    """`Object contains unknown field `x` - at `$.client`` with the place first, as in our own messages."""
    problem, _, place = message.partition(" - at `$")
    place = place.rstrip("`").removeprefix(".")
    return f"{place}: {problem}" if place else problem
