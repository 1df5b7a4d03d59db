"""Generations of the signing key (T11): which one signs, and which are believed, at every instant of a rotation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.key_files import private_key
from hub.auth.keyring import Foundation, Keyring, derive_key
from hub.auth.tokens import Tokens, UnknownKey
from hub.errors import Unauthenticated

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
SECRET = b"a secret of the tests only"
HUB = Foundation(SECRET, "HS256")
MINUTE = timedelta(minutes=1)


def rotated(foundation: Foundation = HUB) -> list:
    """Generation zero, then two others, each signing a minute later; the end of each two minutes after that."""
    first = foundation.generation("one", NOW + MINUTE)
    second = foundation.generation("two", NOW + 5 * MINUTE)
    return [
        replace(foundation.zero(), ends_at=first.signs_from + 2 * MINUTE),
        replace(first, ends_at=second.signs_from + 2 * MINUTE),
        second,
    ]


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_the_youngest_that_has_begun_signs_and_the_older_ones_are_believed_to_their_end(algorithm):
    """T11."""
    foundation = Foundation(SECRET, algorithm)
    zero, first, second = generations = rotated(foundation)
    ring = foundation.keyring(generations)
    for minute, signs, believed in [
        (0, zero, {zero, first, second}),
        (1, first, {zero, first, second}),
        (2.99, first, {zero, first, second}),
        (3, first, {first, second}),
        (5, second, {first, second}),
        (7, second, {second}),
        (10_000, second, {second}),
    ]:
        now = NOW + minute * MINUTE
        assert ring.signing(now).kid == signs.kid
        assert {one for one in generations if ring.verifying(one.kid, now)} == believed


def test_a_hub_without_rows_signs_with_generation_zero():
    assert HUB.keyring().signing(NOW).kid == HUB.zero().kid == derive_key(SECRET, "HS256", "").kid


def test_an_end_of_generation_zero_is_not_forgotten_by_a_ring_of_its_row():
    ring = HUB.keyring(rotated())
    assert ring.verifying(HUB.zero().kid, NOW + 4 * MINUTE) is None
    assert ring.knows(HUB.zero().kid)


@given(salts=st.lists(st.text("0123456789abcdef", min_size=1, max_size=32), min_size=2, max_size=5, unique=True))
def test_every_salt_secret_and_algorithm_gives_a_key_of_its_own(salts):
    kids = {
        derive_key(secret, name, salt).kid
        for secret in (SECRET, b"other")
        for name in ("HS256", "EdDSA")
        for salt in salts
    }
    assert len(kids) == 4 * len(salts)


def test_generations_of_another_secret_are_left_out():
    foreign = Foundation(b"the secret of another hub", "HS256")
    ring = HUB.keyring(rotated(foreign))
    assert ring.signing(NOW + 60 * MINUTE).kid == HUB.zero().kid
    assert not any(ring.knows(one.kid) for one in rotated(foreign))
    assert not HUB.is_own(replace(HUB.zero(), algorithm="none"))


def test_with_a_key_file_the_derived_ones_are_believed_and_sign_nothing(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    file = private_key("EdDSA", path)
    derived = Foundation(SECRET, "EdDSA")
    ring = Foundation(SECRET, "EdDSA", (file,)).keyring(rotated(derived))
    for minute in (0, 1, 6, 100):
        assert ring.signing(NOW + minute * MINUTE).kid == file.kid
    assert ring.verifying(rotated(derived)[2].kid, NOW) is not None
    assert not Foundation(SECRET, "EdDSA", (file,)).is_derived


def test_a_ring_that_cannot_sign_is_refused():
    key = derive_key(SECRET, "HS256", "")
    with pytest.raises(ValueError, match="sign"):
        Keyring([replace(key, signing=None)])


def tokens_of(foundation: Foundation) -> Tokens:
    return Tokens(foundation, issuer="status-hub", audience="status-hub", ttl_s=60, leeway_s=5)


def issue(tokens: Tokens, now: datetime) -> str:
    return tokens.issue(account_id="0abcdefghij1", session_id="0abcdefghij2", version=1, now=now)


def test_through_a_rotation_no_living_token_is_refused_and_after_its_end_the_old_key_is():
    """T11. Every token of every second, at every later second of its life; the old key signs nothing afterwards."""
    tokens = tokens_of(HUB)
    tokens.adopt(rotated())
    seconds = [NOW + timedelta(seconds=number) for number in range(0, 8 * 60, 7)]
    for issued in seconds:
        token = issue(tokens, issued)
        for now in seconds:
            if issued <= now < issued + timedelta(seconds=60):
                tokens.verify(token, now)
    old = tokens_of(HUB)
    forged = issue(old, NOW + 4 * MINUTE)
    old.verify(forged, NOW + 4 * MINUTE)
    with pytest.raises(Unauthenticated):
        tokens.verify(forged, NOW + 4 * MINUTE)


def test_only_a_key_that_was_never_heard_of_is_worth_looking_for():
    tokens, other = tokens_of(HUB), tokens_of(HUB)
    other.adopt(rotated())
    with pytest.raises(UnknownKey):
        tokens.verify(issue(other, NOW + 2 * MINUTE), NOW + 2 * MINUTE)
    tokens.adopt(rotated())
    ended = issue(tokens_of(HUB), NOW + 4 * MINUTE)
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(ended, NOW + 4 * MINUTE)
    assert type(refused.value) is Unauthenticated
