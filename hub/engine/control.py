"""The control stream on one node: what has changed of rights, applied in order, each once (docs/guarantees.md, G3).

Whoever has something to deliver that was written when the stream stood at an offset waits for `reach(offset)`: then all
that was taken away before is taken away here too, whatever the broker lost. The stream itself is found in the log, with
the broker or without it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from hub.clock import Clock
from hub.domain.control import CONTROL_CHANNEL, ControlEvent, decode_control
from hub.engine.broker import Broker, Message
from hub.engine.channel import Channel
from hub.engine.follower import Follower
from hub.engine.reads import Reads
from hub.engine.tally import Tally
from hub.engine.work import Spawn
from hub.errors import HubError, Unavailable
from hub.protocol.stream import Publication

CHECK_INTERVAL_S = 2.0
LISTEN_RETRY_S = 1.0
MAX_TRIES = 3

log = logging.getLogger(__name__)

Apply = Callable[[ControlEvent, int], None]


class Control:
    """`apply(event, time_ms)` and `recheck_all()` act at once. `reads` are its own: no storm of viewers may delay it.

    `trust_s`: how long the position counts as confirmed after the log was asked.
    """

    def __init__(
        self,
        broker: Broker,
        reads: Reads,
        *,
        clock: Clock,
        spawn: Spawn,
        apply: Apply,
        recheck_all: Callable[[], None],
        trust_s: float,
    ) -> None:
        self._broker = broker
        self._reads = reads
        self._clock = clock
        self._spawn = spawn
        self._apply = apply
        self._recheck_all = recheck_all
        self._trust_s = trust_s
        self._stream: _Stream | None = None
        self._confirmed_at = float("-inf")  # when the log was asked that agreed, monotonic seconds
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Returns at once; neither broker nor log need be there."""
        self._spawn(self._listen)
        self._spawn(self._check_forever)

    async def close(self) -> None:
        await self._reads.close()

    @property
    def position(self) -> int:
        """Everything up to here has been applied."""
        return 0 if self._stream is None else self._stream.state.pos

    @property
    def is_trusted(self) -> bool:
        """Whether nothing that was told longer ago than `trust_s` can be missing here."""
        return self._clock.monotonic() - self._confirmed_at < self._trust_s

    def receive(self, message: Message) -> None:
        if self._stream is not None:
            self._stream.perform(self._stream.state.received(message))

    def suspect(self) -> None:
        """Messages may have been lost."""
        self._wake.set()

    async def reach(self, offset: int) -> None:
        """Return once everything up to `offset` has been applied. Raises Unavailable when the log does not help."""
        if offset <= self.position:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[reached] = offset
        reading = asyncio.ensure_future(self._read_up_to(offset))
        try:
            await asyncio.wait((reached, reading), return_when=asyncio.FIRST_COMPLETED)  # it may come by the broker
        finally:
            reading.cancel()
            del self._waiting[reached]
            await asyncio.gather(reading, return_exceptions=True)
        if offset > self.position:
            raise Unavailable

    async def confirm(self) -> None:
        """Return while the position is trusted, if need be after asking the log; else raise Unavailable."""
        if not self.is_trusted:
            await self._reads.shared("check", self._check)
        if not self.is_trusted:
            raise Unavailable

    # Following

    async def _listen(self) -> None:
        while True:
            try:
                await self._broker.subscribe(CONTROL_CHANNEL)
                break
            except HubError:
                await asyncio.sleep(LISTEN_RETRY_S)
        self._wake.set()  # what was published before is in the log alone

    async def _check_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._reads.shared("check", self._check)
            except HubError as error:
                log.warning("the control stream cannot be compared with the log: %s", error.code)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL_S):
                    await self._wake.wait()

    async def _check(self) -> None:
        if self._stream is None:
            await self._open()
            return
        stream = self._stream
        await stream.catch_up()
        if stream is self._stream and not stream.state.has_gap:
            self._confirmed_at = max(self._confirmed_at, stream.compared_at)

    async def _open(self) -> None:
        asked_at = self._clock.monotonic()
        top = await self._reads.top(CONTROL_CHANNEL)
        if top is None:
            log.error("there is no control stream: is the database migrated?")
            return
        state = Channel(CONTROL_CHANNEL, top, ring_length=0)
        self._stream = _Stream(state, self, reads=self._reads, spawn=self._spawn, clock=self._clock)
        self._confirmed_at = asked_at
        self.start_anew()

    async def _read_up_to(self, offset: int) -> None:
        for _ in range(MAX_TRIES):  # a read that was on its way may have begun before `offset` was written
            if self._stream is None:
                await self._reads.shared("check", self._check)
            if self._stream is None or offset <= self.position:
                return
            self._stream.state.noticed(offset)
            await self._stream.read_gap()

    # What the stream says

    def take(self, publications: Sequence[Publication]) -> None:
        for item in publications:
            try:
                self._apply(decode_control(item.data), item.time_ms)
            except Exception:  # whatever it was about, the stream goes on, and nobody keeps what it took away
                log.exception("event %d of the control stream: everybody's rights are read anew", item.offset)
                self._recheck_all()
        self._release()

    def start_anew(self) -> None:
        """Events have been missed, and will not come."""
        log.info("the control stream begins at %d: everybody's rights are read anew", self.position)
        self._recheck_all()
        self._release()

    def vanish(self) -> None:
        log.error("the control stream is gone")
        self._stream = None
        self._confirmed_at = float("-inf")

    def _release(self) -> None:
        for reached, offset in self._waiting.items():
            if offset <= self.position and not reached.done():
                reached.set_result(None)


class _Stream(Follower):
    def __init__(self, state: Channel, control: Control, *, reads: Reads, spawn: Spawn, clock: Clock) -> None:
        super().__init__(state, reads=reads, spawn=spawn, tally=Tally())
        self._control = control
        self._clock = clock
        self.compared_at = float("-inf")

    def _deliver(self, publications: Sequence[Publication]) -> None:
        self._control.take(publications)

    def _start_anew(self) -> None:
        self._control.start_anew()

    def _vanish(self) -> None:
        self._control.vanish()

    async def _await_rights(self, publications: Sequence[Publication]) -> None:
        """They are the rights."""

    async def _compare(self) -> None:
        asked_at = self._clock.monotonic()
        await super()._compare()
        self.compared_at = asked_at
