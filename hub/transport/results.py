"""What a subscriber is answered, of what the engine found and what his rights gave."""

from hub.engine.fanout import Member
from hub.engine.live import Entry
from hub.protocol.codec import SubscribeResult
from hub.protocol.delta import as_deltas
from hub.protocol.effects import Join
from hub.transport.access import Grant


def subscribe_result(join: Join, grant: Grant, member: Member, entry: Entry) -> SubscribeResult:
    """Positions are told only where they can be continued from."""
    is_delta = member.wants_delta
    has_position = grant.options.has_recovery and entry.position.epoch != ""
    return SubscribeResult(
        position=entry.position if has_position else None,
        is_recoverable=has_position,
        is_positioned=has_position,
        was_recovering=has_position and join.since is not None,
        recovered=entry.is_recovered,
        publications=as_deltas(entry.publications) if is_delta else entry.publications,
        data=entry.snapshot or grant.data,
        is_delta=is_delta,
        ttl_s=None if grant.expires_in_s is None else max(1, int(grant.expires_in_s)),
    )
