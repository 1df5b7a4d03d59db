"""A waiting mail as the message that travels. Pure.

Header values go in through `email.message.EmailMessage`, which refuses line breaks, and addresses as `Address`, which
refuses everything that would be two of them: what users have typed adds no header and no recipient.
"""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, parseaddr

from hub.notify.sender import Refused
from hub.services.mails import WaitingMail

_LONGEST_LINE_BYTES = 998  # RFC 5322 §2.1.1


def message_of(mail: WaitingMail, sender: str) -> EmailMessage:
    """The message. Its Message-ID is the mail's: a second copy can be told by it. Raises Refused for unfit headers."""
    message = EmailMessage(policy=SMTPUTF8)
    try:
        name, address = parseaddr(sender)
        message["From"] = origin = Address(name, addr_spec=address)
        message["To"] = Address(addr_spec=mail.recipient)
        message["Subject"] = mail.subject
    except (ValueError, MessageError, IndexError) as error:  # the library's answers to what is no address
        raise Refused("a header of it cannot be written") from error
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<{mail.id}@{origin.domain or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no out-of-office answers
    is_short = all(len(line.encode()) <= _LONGEST_LINE_BYTES for line in mail.body.splitlines())
    message.set_content(mail.body, cte="8bit" if is_short else "quoted-printable")
    return message
