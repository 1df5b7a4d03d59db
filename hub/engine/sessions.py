"""The connections of one node: found by user for orders, rights and limits, sent away when the node leaves."""

import asyncio
import random
from collections.abc import Iterator
from typing import Protocol

from hub.domain.control import AudienceChanged, ControlEvent, KeyRevoked, RightsChanged, SessionsEnded
from hub.engine.changes import Changes, key_user, page_name
from hub.engine.orders import Order, concerns

MAX_DRAIN_PAUSE_S = 0.05
DRAIN_SHARE = 0.9  # of the time; the rest is for the last goodbyes to be read


class Session(Protocol):
    """What a transport attaches. Hashed by identity."""

    @property
    def client(self) -> str:
        """Unique id of the connection."""

    @property
    def user(self) -> str:
        """ "" while unknown, and for somebody anonymous."""

    def drain(self) -> None:
        """This node leaves."""

    def obey(self, order: Order) -> None:
        """A back end wants something done with this connection."""

    @property
    def sign_in(self) -> str | None:
        """The session of the hub's account or key that this connection speaks for, None for everybody else.

        "" for an account without sessions here, and for a key.
        """

    def dismiss(self) -> None:
        """What it signed in with is worth nothing any more."""

    def recheck(self) -> None:
        """What it may see may have changed."""


class Sessions:
    """`rng` spreads what must not happen to all at once."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.changes = Changes()
        self._all: dict[Session, None] = {}
        self._by_user: dict[str, dict[Session, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def attach(self, session: Session) -> None:
        self._all[session] = None

    def identified(self, session: Session) -> None:
        """Its `user` is known now."""
        if session in self._all and session.user:
            self._by_user.setdefault(session.user, {})[session] = None

    def detach(self, session: Session) -> None:
        self._all.pop(session, None)
        mates = self._by_user.get(session.user)
        if mates is not None:
            mates.pop(session, None)
            if not mates:
                del self._by_user[session.user]

    def count(self, user: str) -> int:
        """Connections of somebody who is known by name."""
        return len(self._by_user.get(user, ()))

    def of_user(self, user: str) -> Iterator[Session]:
        return iter(tuple(self._by_user.get(user, ()) if user else ()))

    def obey(self, order: Order) -> None:
        """Pass it on to whom it concerns. Somebody anonymous is meant only by the id of the connection."""
        if not order.user and not order.client:
            return
        for session in self.of_user(order.user) if order.user else tuple(self._all):
            if concerns(order, user=session.user, client=session.client):
                session.obey(order)

    def apply(self, event: ControlEvent) -> None:
        """Rights have changed. Whatever was read of them before is known to be old when this returns."""
        match event:
            case SessionsEnded(account=account):
                self.changes.note(account)
                for session in self._signed_in(account):
                    if event.concerns(session.sign_in or ""):
                        session.dismiss()
            case RightsChanged(accounts=accounts):
                self.changes.note(*accounts)
                for account in accounts:
                    for session in self._signed_in(account):
                        session.recheck()
            case KeyRevoked(key=key):
                self.changes.note(key_user(key))
                for session in self._signed_in(key_user(key)):
                    session.dismiss()
            case AudienceChanged(slug=slug):
                self.changes.note(page_name(slug))  # its members are told in their channels

    def recheck_all(self) -> None:
        """Changes of rights may have been missed."""
        self.changes.note_all()
        for session in tuple(self._all):
            if session.sign_in is not None:
                session.recheck()

    def _signed_in(self, user: str) -> Iterator[Session]:
        """Applications of others may call their users what they like: those are none of ours."""
        return (session for session in self.of_user(user) if session.sign_in is not None)

    async def drain(self, within_s: float) -> None:
        """Send everybody away in random order, evenly over the time when they are many; few leave sooner."""
        leaving = list(self._all)
        self._rng.shuffle(leaving)
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        pause_s = min(MAX_DRAIN_PAUSE_S, within_s * DRAIN_SHARE / max(1, len(leaving)))
        for number, session in enumerate(leaving, start=1):
            self._send_away(session)
            early_s = began_at + number * pause_s - loop.time()
            if early_s > 0:  # a pause per session would add up to more than the time with thousands
                await asyncio.sleep(early_s)
        for session in list(self._all):  # came in while we were leaving
            self._send_away(session)

    def _send_away(self, session: Session) -> None:
        if session in self._all:
            self.detach(session)
            session.drain()
