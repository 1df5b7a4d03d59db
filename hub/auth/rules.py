"""Who may do what in a custom channel. Pure: an error code, or None for yes.

Page channels are none of this: their rights are views (`hub/services/views.py`), and nothing said here opens one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hub.protocol.codes import ErrorCode

PAGE_NAMESPACE = "page"
ACCOUNT_NAMESPACE = "account"  # behind `#<account id>` for the account itself; no token of others names it
RESERVED_NAMES = frozenset({"control", "beat"})  # what nodes tell each other
USER_BOUNDARY, USER_SEPARATOR = "#", ","
MAX_CHANNEL_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom one right is given to. Somebody anonymous needs `to_anonymous` beside one of the others."""

    to_client: bool = False  # anybody connected
    to_subscriber: bool = False  # whoever is in the channel
    to_anonymous: bool = False


NOBODY = Grant()


@dataclass(frozen=True, slots=True)
class ChannelRights:
    """Of one namespace."""

    subscribe: Grant = NOBODY  # without a subscription token
    publish: Grant = NOBODY
    history: Grant = NOBODY
    presence: Grant = NOBODY
    opens_limited_channels: bool = False  # `name#user1,user2` to those users, without a token


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rules have to know of a namespace."""

    rights: ChannelRights
    has_history: bool = False
    has_presence: bool = False


class ChannelRules:
    """The rules of one hub. `user` is the id that the connection's token named, "" for somebody anonymous.

    In insecure mode everybody may do everything in custom channels; features that are off stay off.
    """

    def __init__(
        self, terms_of: Callable[[str], Terms | None], *, is_insecure: bool = False, has_personal_channels: bool = False
    ) -> None:
        self._terms_of = terms_of
        self._is_insecure = is_insecure
        self._has_personal_channels = has_personal_channels

    def subscribe(self, channel: str, user: str, *, has_token: bool = False) -> ErrorCode | None:
        """`has_token`: the client showed a valid subscription token for this channel and user."""
        terms = self._terms(channel)
        if isinstance(terms, ErrorCode):
            return terms
        is_allowed = self._is_insecure or has_token or self._may_enter(channel, user, terms.rights)
        return None if is_allowed else ErrorCode.PERMISSION_DENIED

    def give(self, channel: str) -> ErrorCode | None:
        """May the server act on `channel`: publish to it, or subscribe somebody as a connection token asks?"""
        terms = self._terms(channel)
        return terms if isinstance(terms, ErrorCode) else None

    def publish(self, channel: str, user: str, *, is_subscribed: bool) -> ErrorCode | None:
        terms = self._terms(channel)
        if isinstance(terms, ErrorCode):
            return terms
        return self._check(terms.rights.publish, channel, user, is_subscribed)

    def history(self, channel: str, user: str, *, is_subscribed: bool) -> ErrorCode | None:
        terms = self._terms(channel)
        if isinstance(terms, ErrorCode):
            return terms
        if not terms.has_history:
            return ErrorCode.NOT_AVAILABLE
        return self._check(terms.rights.history, channel, user, is_subscribed)

    def presence(self, channel: str, user: str, *, is_subscribed: bool) -> ErrorCode | None:
        """For `presence` and `presence_stats` alike."""
        terms = self._terms(channel)
        if isinstance(terms, ErrorCode):
            return terms
        if not terms.has_presence:
            return ErrorCode.NOT_AVAILABLE
        return self._check(terms.rights.presence, channel, user, is_subscribed)

    def _terms(self, channel: str) -> Terms | ErrorCode:
        if not is_channel_name(channel):
            return ErrorCode.BAD_REQUEST
        if is_reserved(channel):
            return ErrorCode.PERMISSION_DENIED
        return self._terms_of(channel) or ErrorCode.UNKNOWN_CHANNEL

    def _may_enter(self, channel: str, user: str, rights: ChannelRights) -> bool:
        named = users_named_in(channel)
        if named is None:
            return rights.subscribe.to_client and (user != "" or rights.subscribe.to_anonymous)
        if self._has_personal_channels and channel == personal_channel(user):
            return True
        return rights.opens_limited_channels and user in named

    def _check(self, grant: Grant, channel: str, user: str, is_subscribed: bool) -> ErrorCode | None:
        named = users_named_in(channel)
        is_inside = named is None or is_subscribed or user in named
        is_allowed = (grant.to_client and is_inside) or (grant.to_subscriber and is_subscribed)
        if self._is_insecure or (is_allowed and (user != "" or grant.to_anonymous)):
            return None
        return ErrorCode.PERMISSION_DENIED


def is_channel_name(text: str) -> bool:
    """1-255 characters that can be seen, and no blanks: names stand in keys, log lines and between blanks."""
    return 0 < len(text) <= MAX_CHANNEL_LENGTH and text.isprintable() and " " not in text


def is_reserved(channel: str) -> bool:
    """Names that are no custom channels: the pages' and the hub's own."""
    return channel in RESERVED_NAMES or channel.partition(":")[0] in {PAGE_NAMESPACE, ACCOUNT_NAMESPACE}


def users_named_in(channel: str) -> frozenset[str] | None:
    """Whom `name#user1,user2` is limited to; None for a channel that names nobody."""
    _, boundary, names = channel.partition(USER_BOUNDARY)
    return frozenset(filter(None, names.split(USER_SEPARATOR))) if boundary else None


def account_channel(account_id: str) -> str:
    """Where the hub tells an account its news; on the wire `#<account id>`, as every personal channel is named."""
    return f"{ACCOUNT_NAMESPACE}:{account_id}"


def personal_channel(user: str) -> str | None:
    """`#<user>`; None for nobody, and for ids that would make it a channel of others as well."""
    if not user or USER_BOUNDARY in user or USER_SEPARATOR in user or len(user) >= MAX_CHANNEL_LENGTH:
        return None
    return f"{USER_BOUNDARY}{user}"
