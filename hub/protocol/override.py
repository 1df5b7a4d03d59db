"""What a token or the server API may change of a channel's options for one subscription."""

import msgspec


class Flag(msgspec.Struct, frozen=True):
    """`{"value": true}`: an object, so that "off" and "not said" differ in every encoding."""

    value: bool


class Override(msgspec.Struct, frozen=True, omit_defaults=True):
    """None leaves the namespace's option as it is."""

    presence: Flag | None = None
    join_leave: Flag | None = None
    force_push_join_leave: Flag | None = None
    force_positioning: Flag | None = None
    force_recovery: Flag | None = None


NO_OVERRIDE = Override()
