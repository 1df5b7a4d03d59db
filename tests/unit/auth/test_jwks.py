"""Tokens of other issuers and their keys (T1-T4): whatever is wrong, the answer is a refusal."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.auth.jwks import MAX_KEYS, Trust, claimed_issuer, claimed_kid, read_jwks, verify_foreign
from hub.auth.tokens import MAX_LIFETIME_S
from hub.errors import TokenExpired, Unauthenticated
from tests.support.issuers import AUDIENCE, ISSUER, IssuerKey, jwks, sign

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ALL = frozenset({"RS256", "EdDSA", "ES256"})
KEYS = {algorithm: IssuerKey(f"key-{algorithm}", algorithm) for algorithm in sorted(ALL)}
KEY = KEYS["EdDSA"]


def verify(token, *, now=NOW):
    known = read_jwks(jwks(*KEYS.values()), ALL)
    kid = claimed_kid(token)
    if kid not in known:
        raise Unauthenticated
    return verify_foreign(token, known[kid], Trust(ISSUER, AUDIENCE, ALL), now, leeway_s=5)


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_a_token_of_each_algorithm_is_believed(algorithm):
    claims = verify(sign(KEYS[algorithm], NOW_S))
    assert (claims.issuer, claims.subject, claims.is_vouched) == (ISSUER, "ada", False)
    assert claims.expires_at == NOW + timedelta(minutes=10)


def test_an_audience_may_stand_in_a_list_and_thumbprints_beside_the_kid():
    verify(sign(KEY, NOW_S, {"aud": ["other", AUDIENCE]}, {"x5t": "abc", "x5t#S256": "abc", "typ": "at+jwt"}))


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_a_public_key_is_no_shared_secret(algorithm):
    """T1. HS256 with the public key as PEM, DER, raw bytes."""
    key = KEYS[algorithm]
    for secret in key.public_bytes():
        for headers in ({}, {"alg": algorithm}):
            with pytest.raises(Unauthenticated):
                verify(sign(key, NOW_S, headers=headers, secret=secret))


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", "", "HS256", "RS512", "ES384", "PS256"])
def test_a_key_is_good_for_its_own_algorithm_only(spelling):
    """T1."""
    for key in KEYS.values():
        token = sign(key, NOW_S, headers={"alg": spelling})
        for form in (token, token.rpartition(".")[0] + "."):
            with pytest.raises(Unauthenticated):
                verify(form)


def test_one_key_does_not_sign_in_the_name_of_another():
    for key in KEYS.values():
        for other in KEYS.values():
            if key is not other:
                with pytest.raises(Unauthenticated):
                    verify(sign(key, NOW_S, headers={"kid": other.kid}))
                with pytest.raises(Unauthenticated):
                    verify(
                        sign(key, NOW_S, headers={"kid": other.kid, "alg": other.algorithm}, algorithm=key.algorithm)
                    )


def test_a_key_of_the_attacker_with_the_right_kid_is_refused():
    with pytest.raises(Unauthenticated):
        verify(sign(IssuerKey(KEY.kid), NOW_S))


@pytest.mark.parametrize(
    "headers",
    [
        {"kid": ...}, {"kid": ""}, {"kid": None}, {"kid": ["key-EdDSA"]}, {"kid": {"a": 1}}, {"kid": 7},
        {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1 --"}, {"kid": "https://attacker.example/jwks"},
        {"kid": "x" * 256},
        {"jku": "https://attacker.example/jwks"}, {"x5u": "https://attacker.example"}, {"x5c": ["AA"]},
        {"jwk": KEY.jwk}, {"crit": []}, {"crit": ["exp"]}, {"b64": False}, {"zip": "DEF"},
        {"typ": "logout+jwt"}, {"typ": "refresh+jwt"}, {"typ": 7}, {"alg": ...}, {"alg": ["EdDSA"]},
    ],
    ids="".join,
)  # fmt: skip
def test_a_header_that_asks_for_more_is_refused(headers):
    """T2."""
    with pytest.raises(Unauthenticated):
        verify(sign(KEY, NOW_S, headers=headers))


@pytest.mark.parametrize(
    "claims",
    [
        *({name: ...} for name in ("exp", "iat", "iss", "aud", "sub")),
        {"exp": "1800000000"}, {"exp": 10**399}, {"exp": 10**12}, {"exp": -1}, {"exp": True}, {"exp": 1.8e9},
        {"exp": NOW_S + MAX_LIFETIME_S + 1}, {"exp": NOW_S}, {"iat": NOW_S + 60}, {"nbf": NOW_S + 60}, {"nbf": "now"},
        {"aud": "status-hub2"}, {"aud": ["other"]}, {"aud": []}, {"aud": None}, {"aud": {"status-hub": 1}},
        {"aud": [AUDIENCE] * 17}, {"iss": ISSUER[:-1]}, {"iss": ISSUER.upper()}, {"iss": [ISSUER]}, {"iss": None},
        {"sub": ""}, {"sub": 7}, {"sub": None}, {"sub": "a\x00b"}, {"sub": "a\ud800b"}, {"sub": "a\nb"},
        {"sub": "x" * 256}, {"sub": ["ada"]},
    ],
    ids=lambda claims: str(claims)[:40],
)  # fmt: skip
def test_a_claim_that_is_missing_or_out_of_bounds_is_refused(claims):
    """T3."""
    with pytest.raises(Unauthenticated) as refused:
        verify(sign(KEY, NOW_S, claims))
    assert type(refused.value) is Unauthenticated


def test_only_the_time_of_a_good_token_is_told_to_be_over():
    late = NOW + timedelta(minutes=11)
    with pytest.raises(TokenExpired):
        verify(sign(KEY, NOW_S), now=late)
    with pytest.raises(Unauthenticated) as refused:
        verify(sign(IssuerKey(KEY.kid), NOW_S), now=late)
    assert type(refused.value) is Unauthenticated


@pytest.mark.parametrize("size", [4_097, 65_536, 10_000_000])
def test_a_token_over_4_kb_is_refused_undecoded(size):
    """T4."""
    token = "a." + "b" * (size - 4) + ".c"
    assert claimed_issuer(token) is None
    with pytest.raises(Unauthenticated):
        claimed_kid(token)


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c", "..", "é.é.é", "e30.e30.e30", "bnVsbA.bnVsbA.AA", "W10.W10.AA", "a.b.c\n"]
)
def test_what_is_no_token_has_no_issuer(text):
    assert claimed_issuer(text) is None


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":null}', b"null", b"\xff", b"[" * 10_000,
            json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode()],
    ids=lambda raw: str(raw[:12]),
)  # fmt: skip
def test_what_is_no_key_document_is_one_error(raw):
    with pytest.raises(ValueError, match="JWKS"):
        read_jwks(raw, ALL)


def rsa_of(bits):
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


@pytest.mark.parametrize(
    "described",
    [
        {"kty": "oct", "kid": "x", "k": "AA", "alg": "HS256"}, {"kty": "oct", "kid": "x", "k": "AA", "alg": "RS256"},
        {**KEY.jwk, "alg": "HS256"}, {**KEY.jwk, "alg": "RS256"}, {**KEY.jwk, "use": "enc"},
        {**KEY.jwk, "key_ops": ["sign"]}, {**KEY.jwk, "kid": ""}, {**KEY.jwk, "kid": None}, {**KEY.jwk, "kid": 7},
        {**KEY.jwk, "kid": "x" * 256}, {**KEY.jwk, "x": "AA"}, {**KEY.jwk, "x": ""}, {**KEY.jwk, "crv": "Ed448"},
        {**KEY.jwk, "kty": "OKP2"}, {**KEYS["RS256"].jwk, "alg": "RS512"}, {**KEYS["RS256"].jwk, "n": "AQAB"},
        {**KEYS["RS256"].jwk, "e": "AA"}, {**rsa_of(1024), "kid": "x"},
        {**KEYS["ES256"].jwk, "x": KEYS["ES256"].jwk["y"]},
        {**ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True), "kid": "x"},
        {}, [], None, 7, "x",
    ],
)  # fmt: skip
def test_an_unfit_key_is_left_out_and_the_others_stay(described):
    good = IssuerKey("good")
    found = read_jwks(json.dumps({"keys": [described, good.jwk]}).encode(), ALL)
    assert set(found) == {"good"}


def test_keys_that_share_a_name_and_keys_of_other_algorithms_are_left_out():
    twins = jwks(IssuerKey("a"), IssuerKey("a", "ES256"), IssuerKey("b"))
    assert set(read_jwks(twins, ALL)) == {"b"}
    assert set(read_jwks(jwks(*KEYS.values()), frozenset({"RS256"}))) == {"key-RS256"}
