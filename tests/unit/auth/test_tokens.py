"""Access tokens under attack (fault plan T1–T4, T9): whatever is wrong, the answer is a refusal, not an exception."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hub.auth.key_files import private_key
from hub.auth.keyring import Foundation, derive_key
from hub.auth.tokens import MAX_LIFETIME_S, Tokens
from hub.errors import TokenExpired, Unauthenticated
from hub.settings import Settings

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
SECRET = b"a secret of the tests only"
KEY = derive_key(SECRET, "HS256", "")
ACCOUNT, SESSION = "0abcdefghij1", "0abcdefghij2"


def make_tokens(*keys):
    foundation = Foundation(SECRET, keys[0].algorithm if keys else "HS256", keys)
    return Tokens(foundation, issuer="status-hub", audience="status-hub", ttl_s=600, leeway_s=5)


def issue(tokens, now=NOW):
    return tokens.issue(account_id=ACCOUNT, session_id=SESSION, version=3, now=now)


def signed(claims=None, headers=None, key=KEY, algorithm="HS256"):
    """A token signed with the right key whose claims or headers are changed; a value of ... takes the entry out."""
    now_s = int(NOW.timestamp())
    payload = {
        "iss": "status-hub", "aud": "status-hub", "sub": ACCOUNT, "sid": SESSION, "ver": 3,
        "iat": now_s, "exp": now_s + 600, "jti": "abc",
    }  # fmt: skip
    head = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid}
    payload = {name: value for name, value in {**payload, **(claims or {})}.items() if value is not ...}
    head = {name: value for name, value in {**head, **(headers or {})}.items() if value is not ...}
    signing_input = b".".join(_b64(json.dumps(part).encode()) for part in (head, payload))
    signature = jwt.get_algorithm_by_name(algorithm).sign(signing_input, key.signing)
    return b".".join([signing_input, _b64(signature)]).decode()


def _b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@pytest.fixture(scope="module")
def pem_of(tmp_path_factory):
    def write(private):
        path: Path = tmp_path_factory.mktemp("keys") / "key.pem"
        path.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return path

    return write


def test_a_token_says_what_was_put_in():
    claims = make_tokens().verify(issue(make_tokens()), NOW + timedelta(minutes=9))
    assert (claims.account_id, claims.session_id, claims.version) == (ACCOUNT, SESSION, 3)
    assert (claims.issued_at, claims.expires_at) == (NOW, NOW + timedelta(minutes=10))


def test_the_helper_of_these_tests_makes_valid_tokens():
    assert make_tokens().verify(signed(), NOW).account_id == ACCOUNT


def test_a_token_ends_after_its_lifetime_and_leeway():
    token = issue(make_tokens())
    make_tokens().verify(token, NOW + timedelta(seconds=604))
    with pytest.raises(TokenExpired):
        make_tokens().verify(token, NOW + timedelta(seconds=605))


def test_expiry_is_told_only_of_tokens_that_are_otherwise_valid():
    late = NOW + timedelta(days=2)
    for token in (signed({"aud": "elsewhere"}), issue(make_tokens())[:-4] + "AAAA"):
        with pytest.raises(Unauthenticated) as caught:
            make_tokens().verify(token, late)
        assert type(caught.value) is Unauthenticated


@pytest.mark.parametrize(
    "claims",
    [
        *({name: ...} for name in ("exp", "iat", "iss", "aud", "sub", "sid", "ver", "jti")),
        {"exp": "1800000000"}, {"exp": 10**399}, {"exp": 10**12}, {"exp": -1}, {"exp": True}, {"exp": 1.8e9},
        {"exp": int(NOW.timestamp()) + MAX_LIFETIME_S + 1}, {"exp": int(NOW.timestamp())},
        {"nbf": int(NOW.timestamp()) + 60}, {"nbf": "now"}, {"iat": int(NOW.timestamp()) + 60},
        {"aud": ["status-hub"]}, {"aud": "status"}, {"aud": "status-hub2"}, {"aud": None},
        {"iss": ["status-hub"]}, {"iss": "status-hu"}, {"iss": ""}, {"iss": None},
        {"sub": 7}, {"sub": ""}, {"sub": ACCOUNT + "\n"}, {"sub": "0abcdefghi\x001"}, {"sub": "0abcdefghi\ud8001"},
        {"sub": ACCOUNT.upper()}, {"sid": None}, {"sid": "1' OR '1'='1"}, {"ver": "3"}, {"ver": None}, {"ver": -1},
        {"jti": "x" * 65}, {"jti": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_that_is_missing_or_out_of_bounds_is_refused(claims):
    with pytest.raises(Unauthenticated):
        make_tokens().verify(signed(claims), NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"typ": ...}, {"typ": "JWT"}, {"typ": "refresh+jwt"}, {"typ": 7},
        {"kid": ...}, {"kid": "unknown"}, {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1 --"}, {"kid": [KEY.kid]},
        {"kid": "https://attacker.example/jwks"}, {"kid": None}, {"kid": {"a": 1}},
        {"crit": ["b64"], "b64": False}, {"crit": ["unknown"]}, {"crit": []},
        {"jku": "https://attacker.example/jwks"}, {"x5u": "https://attacker.example"},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"alg": "none"}, {"alg": "nOnE"}, {"alg": "HS512"}, {"alg": "EdDSA"}, {"alg": ...}, {"alg": ["HS256"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_the_hub_did_not_write_is_refused(headers):
    with pytest.raises(Unauthenticated):
        make_tokens().verify(signed(headers=headers), NOW)


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE"])
def test_an_unsigned_token_is_refused(spelling):
    head, payload, _ = signed(headers={"alg": spelling}).split(".")
    with pytest.raises(Unauthenticated):
        make_tokens().verify(f"{head}.{payload}.", NOW)
    with pytest.raises(Unauthenticated):
        make_tokens().verify(f"{head}.{payload}.AA", NOW)


def test_a_public_key_is_no_shared_secret(pem_of):
    key = private_key("EdDSA", pem_of(ed25519.Ed25519PrivateKey.generate()))
    encoding, form = serialization.Encoding, serialization.PublicFormat
    known_to_all = [
        key.verifying.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo),
        key.verifying.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
        key.verifying.public_bytes(encoding.Raw, form.Raw),
    ]
    for secret in known_to_all:
        forged_key = type(key)(key.kid, "HS256", secret, secret)
        with pytest.raises(Unauthenticated):
            make_tokens(key, KEY).verify(signed(key=forged_key), NOW)


def test_a_key_is_good_for_its_own_algorithm_only(pem_of):
    edwards = private_key("EdDSA", pem_of(ed25519.Ed25519PrivateKey.generate()))
    tokens = make_tokens(edwards, KEY)
    assert tokens.verify(issue(tokens), NOW).account_id == ACCOUNT
    assert tokens.verify(signed(), NOW).account_id == ACCOUNT
    with pytest.raises(Unauthenticated):
        tokens.verify(signed(headers={"kid": edwards.kid}), NOW)
    with pytest.raises(Unauthenticated):
        tokens.verify(signed(headers={"kid": KEY.kid}, key=edwards, algorithm="EdDSA"), NOW)


def test_a_new_key_in_front_leaves_the_tokens_of_the_old_one_valid():
    old, new = (derive_key(secret, "HS256", "") for secret in (b"the old secret", b"the new secret"))
    token = issue(make_tokens(old))
    assert make_tokens(new, old).verify(token, NOW)
    with pytest.raises(Unauthenticated):
        make_tokens(new).verify(token, NOW)


@pytest.mark.parametrize("size", [4097, 8_192, 65_536, 10_000_000])
def test_a_token_over_4_kb_is_refused_undecoded(size):
    with pytest.raises(Unauthenticated):
        make_tokens().verify("a." + "b" * (size - 4) + ".c", NOW)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\x00.\x00.\x00", "é.é.é", "bnVsbA.bnVsbA.bnVsbA", "W10.W10.W10",
     "a.b.c\n", " a.b.c", "e30.e30.", "A" * 4000, "OTk5.e30.AA"],
)  # fmt: skip
def test_what_is_no_token_is_refused(text):
    with pytest.raises(Unauthenticated):
        make_tokens().verify(text, NOW)


def test_a_deep_or_doubled_payload_is_refused():
    head = signed().split(".")[0].encode()
    for payload in (b"[" * 2000, b'{"a":' * 400, b"{" + b'"exp":1,' * 2 + b'"exp":2}', b'{"exp":' + b"9" * 2500 + b"}"):
        signing_input = head + b"." + _b64(payload)
        signature = _b64(jwt.get_algorithm_by_name("HS256").sign(signing_input, KEY.signing))
        with pytest.raises(Unauthenticated):
            make_tokens().verify((signing_input + b"." + signature).decode(), NOW)


def test_the_refresh_chain_is_steady_and_needs_the_secret():
    ours = make_tokens()
    other = Tokens(Foundation(b"another secret, same keys", "HS256", (KEY,)), issuer="i", audience="a", ttl_s=600)
    assert ours.refresh_child("parent") == make_tokens().refresh_child("parent")
    assert len({ours.refresh_child("parent"), ours.refresh_child("parent2"), other.refresh_child("parent")}) == 3


def settings(**values):
    return Settings(**{"hub_secret_key": "a secret of the tests only", **values})


def test_key_files_give_their_algorithm(pem_of):
    path = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    tokens = Tokens.of(settings(jwt_algorithm="RS256", jwt_private_key_file=path))
    assert tokens.verify(issue(tokens), NOW).session_id == SESSION


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_an_unfit_key_file_is_one_clear_error(pem_of, algorithm, tmp_path):
    (tmp_path / "not.pem").write_text("-----BEGIN NOTHING-----")
    paths = [tmp_path / "missing.pem", tmp_path / "not.pem", pem_of(ec.generate_private_key(ec.SECP256R1()))]
    paths += [pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024))]
    for path in paths:
        with pytest.raises(ValueError, match=r"\.pem"):
            Tokens.of(settings(jwt_algorithm=algorithm, jwt_private_key_file=path))


def test_rs256_needs_a_file():
    with pytest.raises(ValueError, match="JWT_PRIVATE_KEY_FILE"):
        Tokens.of(settings(jwt_algorithm="RS256"))


def test_eddsa_without_a_file_is_derived_from_the_secret():
    tokens, again = (Tokens.of(settings(jwt_algorithm="EdDSA")) for _ in range(2))
    assert jwt.get_unverified_header(issue(tokens))["alg"] == "EdDSA"
    assert again.verify(issue(tokens), NOW).session_id == SESSION


def test_public_key_files_are_believed_and_do_not_sign(pem_of, tmp_path):
    old, new = (ed25519.Ed25519PrivateKey.generate() for _ in range(2))
    public = tmp_path / "old.pub"
    public.write_bytes(
        old.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    before = Tokens.of(settings(jwt_algorithm="EdDSA", jwt_private_key_file=pem_of(old)))
    after = Tokens.of(
        settings(jwt_algorithm="EdDSA", jwt_private_key_file=pem_of(new), jwt_public_key_files=str(public))
    )
    assert after.verify(issue(before), NOW).account_id == ACCOUNT
    assert jwt.get_unverified_header(issue(after))["kid"] != jwt.get_unverified_header(issue(before))["kid"]
    with pytest.raises(Unauthenticated):
        before.verify(issue(after), NOW)


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_a_missing_or_short_secret_is_refused(secret):
    with pytest.raises(ValueError, match="HUB_SECRET_KEY"):
        Tokens.of(settings(hub_secret_key=secret))
