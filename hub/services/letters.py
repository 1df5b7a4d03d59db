"""The letters of the hub: subject and plain text of each. Pure.

What other people have typed stands in a letter only through `quoted`, so that it can add no line and no link: the
only address to click is the hub's own. Subjects hold no typed text at all.
"""

import re
from dataclasses import dataclass

_NAME_LENGTH = 80
# Where a mail program might see an address begin or go on: after a mark with no space behind it.
_JOINT = re.compile(r"(?<=[./:@\\])(?=\S)")
_ZERO_WIDTH_SPACE = "\u200b"

_NOT_YOU = "If this was not you, you need not do anything: nothing happens until the link is used."


@dataclass(frozen=True, slots=True)
class Letter:
    """`kind` is for the log and the tests; the rest is what arrives."""

    kind: str
    subject: str
    body: str


def verification(link: str) -> Letter:
    """To somebody who has registered, or asks for the link again."""
    return _letter(
        "verification",
        "Confirm your e-mail address",
        "Please confirm that this e-mail address is yours. The link works once, for 24 hours:",
        link,
        _NOT_YOU,
    )


def already_registered(sign_in: str, forgot: str) -> Letter:
    """To the owner of an account, when somebody registers with its address."""
    return _letter(
        "already_registered",
        "You already have an account",
        "Somebody, perhaps you, has just tried to register with this e-mail address. It has an account already.",
        "To sign in:",
        sign_in,
        "To choose a new password, if you have forgotten yours:",
        forgot,
        "If this was not you, you need not do anything.",
    )


def change(link: str) -> Letter:
    """To the address that is to become the account's."""
    return _letter(
        "change",
        "Confirm your new e-mail address",
        "Please confirm that your account is to have this e-mail address. The link works once, for 24 hours:",
        link,
        _NOT_YOU,
    )


def address_in_use(sign_in: str) -> Letter:
    """To the owner of an account, when another account is to have its address."""
    return _letter(
        "address_in_use",
        "Your e-mail address was given for another account",
        "Somebody, perhaps you, wanted another account to have this e-mail address. It has an account already, so"
        " nothing was changed. To sign in to the account that has it:",
        sign_in,
    )


def change_asked(forgot: str) -> Letter:
    """To the present address of an account, when another is to take its place."""
    return _letter(
        "change_asked",
        "Your e-mail address is about to change",
        "Somebody who knows your password has asked for another e-mail address on your account. It will change when"
        " that address is confirmed.",
        "If this was not you, choose a new password now; that ends every sign-in and stops the change:",
        forgot,
    )


def reset(link: str) -> Letter:
    """To the owner of an account who does not know his password."""
    return _letter(
        "reset",
        "Choose a new password",
        "With this link you can choose a new password. It works once, for one hour:",
        link,
        _NOT_YOU,
    )


def password_changed(forgot: str) -> Letter:
    """To the owner of an account, after its password has changed."""
    return _letter(
        "password_changed",
        "Your password was changed",
        "The password of your account was changed, and every other sign-in has ended.",
        "If this was not you, choose a new one now:",
        forgot,
    )


def invitation(group: str, link: str) -> Letter:
    """To somebody who may join the group of people with the name `group`."""
    return _letter(
        "invitation",
        "You are invited to a group",
        f"You are invited to join the group “{quoted(group)}” on a status page. To accept, open this link:",
        link,
        "If you do not know what this is about, you need not do anything.",
    )


def quoted(text: str) -> str:
    """What somebody has typed, as one short line in which no mail program finds a link."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    short = line if len(line) <= _NAME_LENGTH else line[: _NAME_LENGTH - 1] + "…"
    return _JOINT.sub(_ZERO_WIDTH_SPACE, short)


def _letter(kind: str, subject: str, *paragraphs: str) -> Letter:
    return Letter(kind, subject, "\n\n".join(paragraphs) + "\n")
