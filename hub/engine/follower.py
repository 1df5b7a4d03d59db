"""Following one channel's log: the pure state, and the reads that its actions ask for."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial

from hub.engine.channel import MAX_GAP, REORDER_WAIT_S, Action, AskTop, Channel, Deliver, Fetch, Gone, Recall
from hub.engine.reads import Reads
from hub.engine.tally import Tally
from hub.engine.work import Spawn
from hub.errors import HubError
from hub.protocol.stream import Publication

log = logging.getLogger(__name__)


class Follower(ABC):
    """Everything between an await and the next happens in one step of the loop; the invariants lean on that."""

    def __init__(self, state: Channel, *, reads: Reads, spawn: Spawn, tally: Tally) -> None:
        self.state = state
        self.reads = reads
        self._spawn = spawn
        self._tally = tally
        self._is_fetching = False
        self._is_asking = False

    @property
    def name(self) -> str:
        return self.state.name

    def perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Deliver(publications):
                    self._deliver(publications)
                case Fetch(delay_s) if not self._is_fetching:
                    self._is_fetching = True
                    self._spawn(partial(self._fetch, delay_s))
                case AskTop() if not self._is_asking:
                    self._is_asking = True
                    self._spawn(self._ask)
                case Recall():
                    self._start_anew()
                case Gone():
                    self._vanish()

    async def catch_up(self) -> None:
        """Ask the log where we stand, and read what is missing."""
        await self.reads.shared(("top", self.name), self._compare)
        if self.state.has_gap:
            await self.read_gap()

    async def read_gap(self) -> None:
        """Read what is missing, once for all who ask at the same time."""
        await self.reads.shared(("gap", self.name), self._read_gap)

    # What followers differ in.

    @abstractmethod
    def _deliver(self, publications: Sequence[Publication]) -> None:
        """The next ones, in order."""

    @abstractmethod
    def _start_anew(self) -> None:
        """What comes next does not continue what has been delivered."""

    @abstractmethod
    def _vanish(self) -> None:
        """The channel does not exist any more."""

    @abstractmethod
    async def _await_rights(self, publications: Sequence[Publication]) -> None:
        """Return once publications of the log may be delivered."""

    # Healing

    async def _fetch(self, delay_s: float) -> None:
        try:
            await asyncio.sleep(delay_s)
            while self.state.has_gap:
                await self.read_gap()
                if self.state.has_gap:
                    await asyncio.sleep(REORDER_WAIT_S)
        except HubError as error:
            log.info("gap in %s stays for now: %s", self.name, error.code)  # the position check comes back to it
        finally:
            self._is_fetching = False

    async def _read_gap(self) -> None:
        asked_at, known_then = self.state.position, self.state.known_head
        publications, top = await self.reads.after(self.name, asked_at.offset, MAX_GAP + 1)
        await self._await_rights(publications)
        self._tally.gaps += len(publications)
        self.perform(self.state.fetched(publications, top, asked_at, known_then=known_then))

    async def _ask(self) -> None:
        try:
            await self.reads.shared(("top", self.name), self._compare)
        except HubError as error:
            log.info("cannot compare %s with the log for now: %s", self.name, error.code)
        finally:
            self._is_asking = False

    async def _compare(self) -> None:
        asked_at = self.state.position
        top = await self.reads.top(self.name)
        self.perform(self.state.checked(top, asked_at))
