"""The control stream: what every node must know of rights that have changed. One channel, `control`, like any other.

Each event is written in the transaction of the change that it tells of (`hub.services.control.tell`), and each event of
a view that is not public carries the offset that the stream had then: no node sends it before it knows as much.
"""

import msgspec

CONTROL_CHANNEL = "control"


class SessionsEnded(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="sessions.ended"):
    """Sign-ins of `account` are over: those named, or, with none named, all but `spared`."""

    account: str
    sessions: tuple[str, ...] = ()
    spared: str = ""

    def concerns(self, session_id: str) -> bool:
        if self.sessions:
            return session_id in self.sessions
        return not self.spared or session_id != self.spared


class RightsChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="rights.changed"):
    """What these accounts may see has changed: proven address, role on a page, membership in a group, …"""

    accounts: tuple[str, ...]


class KeyRevoked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="key.revoked"):
    """The machine's key is worth nothing any more."""

    key: str


class AudienceChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="audience.changed"):
    """Who sees what of the page `slug` has changed, or the page is gone."""

    slug: str


class AccountNews(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="account.news"):
    """Something for the account's own channel, `#<account>` on its sockets; `data` is JSON."""

    account: str
    data: msgspec.Raw


ControlEvent = SessionsEnded | RightsChanged | KeyRevoked | AudienceChanged | AccountNews


def encode_control(event: ControlEvent) -> bytes:
    return msgspec.json.encode(event)


def decode_control(raw: bytes) -> ControlEvent:
    """Raises ValueError on anything malformed."""
    try:
        event: ControlEvent = msgspec.json.decode(raw, type=ControlEvent)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not a control event") from error
    return event
