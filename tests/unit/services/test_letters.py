"""What letters say, and what nobody can make them say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.services import letters

LINK = "https://hub.test/verify#abc"
LOOKS_LIKE_A_LINK = re.compile(r"\w+://|\w\.\w|\w@\w|\bwww\.\w|mailto:\w", re.IGNORECASE)


def every_letter() -> list[letters.Letter]:
    return [
        letters.verification(LINK),
        letters.already_registered("https://hub.test/login", "https://hub.test/forgot"),
        letters.change(LINK),
        letters.address_in_use("https://hub.test/login"),
        letters.change_asked("https://hub.test/forgot"),
        letters.reset(LINK),
        letters.password_changed("https://hub.test/forgot"),
        letters.invitation("Ops", LINK),
    ]


@pytest.mark.parametrize("letter", every_letter(), ids=lambda letter: letter.kind)
def test_a_letter_is_short_plain_and_leads_to_the_hub_alone(letter: letters.Letter) -> None:
    assert letter.subject.isascii()
    assert letter.subject.isprintable()
    assert len(letter.subject) < 78
    links = [word for word in letter.body.split() if "://" in word]
    assert links
    assert all(link.startswith("https://hub.test/") for link in links)
    # A link stands alone on its line, so that no mail program takes a full stop with it.
    assert all(link in letter.body.splitlines() for link in links)


def test_kinds_are_all_different() -> None:
    kinds = [letter.kind for letter in every_letter()]
    assert len(set(kinds)) == len(kinds)


@given(st.text(max_size=300))
def test_what_was_typed_is_one_line_without_a_link(typed: str) -> None:
    """X7, X3."""
    shown = letters.quoted(typed)
    assert shown.splitlines() == ([shown] if shown else [])
    assert all(letter.isprintable() or letter == "\u200b" for letter in shown)
    assert not LOOKS_LIKE_A_LINK.search(shown)
    assert len(shown.replace("\u200b", "")) <= 80


@pytest.mark.parametrize(
    "typed",
    [
        "http://evil.test", "HTTPS://EVIL.TEST/x", "www.evil.test", "evil.test/login", "me@evil.test",
        "mailto:me@evil.test", "//evil.test", "ftp:evil", "a\r\nBcc: b@evil.test", "x\u2028http://evil.test",
        "evil\u2024test http://1.2.3.4:80/",
    ],
)  # fmt: skip
def test_addresses_of_all_kinds_lead_nowhere(typed: str) -> None:
    body = letters.invitation(typed, LINK).body
    assert [word for word in body.split() if LOOKS_LIKE_A_LINK.search(word)] == [LINK]
    assert "Bcc" not in [line.partition(":")[0] for line in body.splitlines()]


def test_names_are_read_as_they_were_typed() -> None:
    for name in ("Ops", "Größe & <Co> “x”", "データベース 🔥", "R&D isn't up"):
        assert letters.quoted(name) == name
