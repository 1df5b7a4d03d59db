"""The past of a channel, as a client may ask for it without being in it."""

from collections.abc import Sequence

from hub.engine.broker import Top
from hub.engine.control import Control
from hub.engine.live import Unrecoverable
from hub.engine.reads import Reads
from hub.errors import Unavailable
from hub.protocol.recovery import that_fit
from hub.protocol.stream import Publication, StreamPosition

MAX_HISTORY = 300


class Past:
    """`control`: of a channel that not everybody may see."""

    def __init__(self, channel: str, reads: Reads, control: Control | None) -> None:
        self._channel = channel
        self._reads = reads
        self._control = control

    async def read(
        self, since: StreamPosition | None, limit: int, *, is_reverse: bool
    ) -> tuple[StreamPosition, Sequence[Publication]]:
        """As `Node.history`."""
        await self._confirm_rights()
        top = await self._reads.known_top(self._channel)
        if since is not None and since.epoch not in ("", top.epoch):
            raise Unrecoverable
        position = StreamPosition(top.epoch, top.head)
        count = MAX_HISTORY if limit < 0 else min(limit, MAX_HISTORY)
        if not count:
            return position, ()
        if is_reverse:
            end = top.head + 1 if since is None else min(since.offset, top.head + 1)
            publications = await self._above(max(top.floor, end - 1 - count), count, top)
            return position, that_fit([item for item in reversed(publications) if item.offset < end])
        after = top.floor if since is None else max(top.floor, since.offset)
        return position, that_fit(await self._above(after, count, top))

    async def _above(self, offset: int, count: int, top: Top) -> Sequence[Publication]:
        """At most `count`; `top` is where the channel stood before."""
        publications, top_now = await self._reads.after(self._channel, offset, count)
        if top_now is None or top_now.epoch != top.epoch:
            raise Unavailable
        await self._await_rights(publications)
        await self._confirm_rights()
        return [item for item in publications if not self._is_cut(item, top_now)]

    async def _confirm_rights(self) -> None:
        if self._control is not None:
            await self._control.confirm()

    # The rules, each deleted by a test.

    def _is_cut(self, item: Publication, top: Top) -> bool:
        """Something of which it told may have been hidden while it was read."""
        return item.offset <= top.floor

    async def _await_rights(self, publications: Sequence[Publication]) -> None:
        if self._control is not None and publications:
            await self._control.reach(max(item.rights for item in publications))
