"""The port through which mails leave."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hub.services.mails import WaitingMail


class Unreachable(Exception):
    """Nothing can be sent at the moment: try this one and all others later."""


class PutOff(Exception):
    """This one cannot be sent now, others may be."""


class Refused(Exception):
    """Nobody will ever take this one."""


class Line(Protocol):
    """An open way out."""

    async def send(self, mail: WaitingMail) -> None:
        """Returns when somebody else answers for it; raises PutOff, Refused or Unreachable."""


class Sender(Protocol):
    """Opens a way out for one batch: `async with sender.open() as line`, which raises Unreachable."""

    def open(self) -> AbstractAsyncContextManager[Line]: ...
