"""Tokens of other applications, good and bad: whatever is wrong, the answer is a refusal, not another exception."""

import base64
import hashlib
import hmac
import json
import warnings
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from hub.auth.client_tokens import ClientClaims, ClientTokens, ServerSub, SubscriptionClaims, is_access_token
from hub.auth.keyring import Foundation, derive_key
from hub.auth.tokens import MAX_TOKEN_BYTES, Tokens
from hub.errors import TokenExpired, Unauthenticated
from hub.protocol.override import Flag, Override
from hub.settings import Settings

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
SECRET = b"secret"  # six bytes, as in the suites of the SDKs
TOKENS = ClientTokens(SECRET, leeway_s=5)
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def signed(claims, *, secret=SECRET, algorithm="HS256", headers=None):
    """A token made by hand; `claims` may be the payload's text, a header that is ... is left out."""
    head = {"alg": algorithm, "typ": "JWT", **(headers or {})}
    head = {name: value for name, value in head.items() if value is not ...}
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signing_input = b".".join(_b64(part) for part in (json.dumps(head).encode(), body))
    signature = hmac.new(secret, signing_input, HASHES.get(algorithm, hashlib.sha256)).digest()
    return b".".join([signing_input, _b64(signature)]).decode()


def _b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def connection(claims, tokens=TOKENS, **options):
    return tokens.connection(signed(claims, **options), NOW)


def subscription(claims, *, channel="chat:1", user="42", client="c1"):
    return TOKENS.subscription(signed(claims), NOW, channel=channel, user=user, client=client)


# Connections


def test_a_token_without_exp_opens_a_connection_that_does_not_expire():
    assert connection({"sub": "42"}) == ClientClaims(user="42")


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": None}])
def test_a_token_may_name_nobody(claims):
    assert connection(claims).user == ""


@pytest.mark.parametrize("algorithm", sorted(HASHES))
def test_each_hash_of_the_family_is_taken(algorithm):
    assert connection({"sub": "42"}, algorithm=algorithm).user == "42"


@pytest.mark.parametrize("typ", ["JWT", "jwt", ..., None])
def test_the_type_may_be_left_out(typ):
    assert connection({"sub": "42"}, headers={"typ": typ}).user == "42"


def test_tokens_of_the_common_library_are_understood():
    token = jwt.encode({"sub": "42", "exp": NOW_S + 60}, "a secret of thirty-two bytes or more", algorithm="HS256")
    assert ClientTokens(b"a secret of thirty-two bytes or more").connection(token, NOW).user == "42"


def test_a_short_secret_warns_nobody_at_each_token():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connection({"sub": "42"})


@pytest.mark.parametrize("sub", [42, 4.2, True, ["42"], {"id": "42"}, "4\n2", "4\x002", "x" * 256])
def test_a_user_id_is_a_printable_text(sub):
    with pytest.raises(Unauthenticated):
        connection({"sub": sub})


def test_everything_a_connection_token_may_say():
    claims = connection(
        {
            "sub": "42",
            "exp": NOW_S + 60,
            "iat": NOW_S,
            "jti": "one",
            "info": {"name": "Ann"},
            "meta": {"internal": True},
            "channels": ["news", "chat:1"],
            "subs": {
                "chat:1": {
                    "info": {"role": "host"},
                    "data": [1, 2],
                    "override": {"presence": {"value": False}, "force_recovery": {"value": True}},
                },
                "#42": {},
            },
        }
    )
    assert claims.expires_at == NOW + timedelta(seconds=60)
    assert claims.info == b'{"name":"Ann"}'
    override = Override(presence=Flag(False), force_recovery=Flag(True))
    assert claims.server_subs == {
        "news": ServerSub(),
        "chat:1": ServerSub(info=b'{"role":"host"}', data=b"[1,2]", override=override),
        "#42": ServerSub(),
    }


def test_what_is_passed_on_fits_into_one_line():
    """Line breaks separate messages on the wire, so none may come in with a claim."""
    assert connection(b'{"info": {\n "a": 1,\r\n "b": "x y"}}').info == b'{"a":1,"b":"x y"}'


def test_info_may_come_in_base64():
    encoded = base64.b64encode(b'{"a": 1}').decode()
    assert connection({"b64info": encoded}).info == b'{"a":1}'
    assert connection({"info": None}).info is None


@pytest.mark.parametrize(
    "claims", [b'{"info": "\xff"}', {"b64info": "/w=="}, {"b64info": "!"}, {"b64info": "e30="[:3]}]
)
def test_info_that_is_no_json_text_is_refused(claims):
    with pytest.raises(Unauthenticated):
        connection(claims)


@pytest.mark.parametrize("name", ["", "x" * 256, "a\x00b"])
@pytest.mark.parametrize("claim", ["channels", "subs"])
def test_a_channel_that_cannot_be_named_is_refused(claim, name):
    with pytest.raises(Unauthenticated):
        connection({claim: [name] if claim == "channels" else {name: {}}})


def test_a_subscription_token_opens_no_connection():
    with pytest.raises(Unauthenticated):
        connection({"sub": "42", "channel": "chat:1"})


# Time


@pytest.mark.parametrize(
    ("claims", "ends_in_s"),
    [
        ({"exp": NOW_S + 60}, 60),
        ({"exp": NOW_S + 0.5}, 0.5),
        ({"exp": NOW_S + 60, "expire_at": NOW_S + 10}, 10),
        ({"exp": NOW_S + 60, "expire_at": NOW_S + 600}, 600),
        ({"exp": NOW_S + 60, "expire_at": 0}, None),
        ({"expire_at": NOW_S + 10}, 10),
        ({"nbf": NOW_S + 4}, None),
    ],
)
def test_when_a_connection_ends(claims, ends_in_s):
    expected = None if ends_in_s is None else NOW + timedelta(seconds=ends_in_s)
    assert connection(claims).expires_at == expected


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW_S},
        {"exp": NOW_S - 1},
        {"exp": NOW_S - 1, "expire_at": NOW_S + 60},
        {"exp": NOW_S + 60, "expire_at": NOW_S - 1},
        {"exp": 0},
        {"nbf": NOW_S + 6},
    ],
)
def test_a_token_out_of_its_time_is_expired(claims):
    with pytest.raises(TokenExpired):
        connection(claims)


@pytest.mark.parametrize("claim", ["exp", "nbf", "expire_at"])
@pytest.mark.parametrize("value", [-1, 2**40, 10**400, "1", True, [], 1e300])
def test_an_instant_is_a_number_of_seconds(claim, value):
    with pytest.raises(Unauthenticated) as caught:
        connection({claim: value})
    assert caught.type is Unauthenticated


def test_a_bad_signature_is_bad_before_it_is_expired():
    with pytest.raises(Unauthenticated) as caught:
        connection({"exp": NOW_S - 1}, secret=b"another")
    assert caught.type is Unauthenticated


# Subscriptions


def test_a_subscription_token_opens_its_channel_to_its_user():
    assert subscription({"sub": "42", "channel": "chat:1"}) == SubscriptionClaims()
    assert subscription({"channel": "chat:1"}, user="") == SubscriptionClaims()
    assert subscription({"sub": "42", "channel": "chat:1", "client": "c1"}) == SubscriptionClaims()


def test_everything_a_subscription_token_may_say():
    claims = subscription(
        {
            "sub": "42",
            "channel": "chat:1",
            "exp": NOW_S + 60,
            "info": {"role": "host"},
            "data": {"topic": "x"},
            "override": {"join_leave": {"value": True}},
        }
    )
    assert claims == SubscriptionClaims(
        expires_at=NOW + timedelta(seconds=60),
        info=b'{"role":"host"}',
        data=b'{"topic":"x"}',
        override=Override(join_leave=Flag(True)),
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "42"},
        {"sub": "42", "channel": ""},
        {"sub": "42", "channel": "chat:2"},
        {"sub": "43", "channel": "chat:1"},
        {"channel": "chat:1"},
        {"sub": "42", "channel": "chat:1", "client": "c2"},
    ],
)
def test_a_subscription_token_of_another_channel_user_or_connection_is_refused(claims):
    with pytest.raises(Unauthenticated):
        subscription(claims)


def test_an_expired_subscription_token_says_so():
    with pytest.raises(TokenExpired):
        subscription({"sub": "42", "channel": "chat:1", "exp": NOW_S - 1})


# Attacks


@pytest.mark.parametrize(
    "token",
    [
        "",
        "invalid_token",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        signed({"sub": "42"})[:-4] + "AAAA",
        signed({"sub": "42"}).rpartition(".")[0] + ".",
        signed({"sub": "42"}) + "\n",
        signed({"sub": "42"}, algorithm="none"),
        signed({"sub": "42"}, algorithm="RS256"),
        signed({"sub": "42"}, algorithm="hs256"),
        signed({"sub": "42"}, headers={"alg": ...}),
        signed({"sub": "42"}, headers={"alg": 1}),
        signed({"sub": "42"}, headers={"typ": "at+jwt"}),
        signed({"sub": "42"}, headers={"crit": ["b64"], "b64": False}),
        signed({"sub": "42"}, headers={"jku": "https://evil.example"}),
        signed({"sub": "42"}, secret=b"another"),
        signed(b"[]"),
        signed(b"nul"),
        signed(b"[" * 2000),
        signed(b'{"sub": "\\ud800"}'),
        signed(b'{"sub": "\xff"}'),
        signed({"channels": "news"}),
        signed({"subs": ["news"]}),
        signed({"aud": 1}),
        "é" * 50,
    ],
)
def test_anything_else_is_refused(token):
    with pytest.raises(Unauthenticated) as caught:
        TOKENS.connection(token, NOW)
    assert caught.type is Unauthenticated
    with pytest.raises(Unauthenticated) as caught:
        TOKENS.subscription(token, NOW, channel="chat:1", user="42", client="c1")
    assert caught.type is Unauthenticated


def test_a_large_token_is_refused_undecoded():
    fitting = signed({"sub": "42", "info": "x" * 2800})
    assert len(fitting) <= MAX_TOKEN_BYTES
    assert TOKENS.connection(fitting, NOW).user == "42"
    with pytest.raises(Unauthenticated):
        TOKENS.connection(signed({"sub": "42", "info": "x" * 4000}), NOW)


def test_without_a_secret_nothing_is_accepted():
    tokens = ClientTokens.of(Settings.model_validate({"hub_client_token_secret": ""}))
    for secret in (b"", SECRET):
        with pytest.raises(Unauthenticated):
            tokens.connection(signed({"sub": "42"}, secret=secret), NOW)


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [
        ({"iss": "app", "aud": "hub"}, True),
        ({"iss": "app", "aud": ["other", "hub"]}, True),
        ({"iss": "app"}, False),
        ({"aud": "hub"}, False),
        ({"iss": "ap", "aud": "hub"}, False),
        ({"iss": "app", "aud": "hubs"}, False),
        ({"iss": "app", "aud": []}, False),
    ],
)
def test_issuer_and_audience_are_checked_where_they_are_configured(claims, is_good):
    tokens = ClientTokens(SECRET, issuer="app", audience="hub")
    if is_good:
        assert connection(claims, tokens).user == ""
    else:
        with pytest.raises(Unauthenticated):
            connection(claims, tokens)
    assert connection(claims).user == ""


# The two kinds of token


def hub_tokens(secret):
    return Tokens(Foundation(secret, "HS256"), issuer="status-hub", audience="status-hub", ttl_s=600)


def test_the_header_says_whose_token_it_is():
    access = hub_tokens(b"a secret of the hub").issue(
        account_id="0abcdefghij1", session_id="0abcdefghij2", version=1, now=NOW
    )
    assert is_access_token(access)
    for other in (signed({"sub": "42"}), "invalid_token", "", "a.b.c", "é.b.c", signed({}, headers={"typ": ...})):
        assert not is_access_token(other)


def test_neither_verifier_takes_a_token_of_the_other_kind_even_with_one_secret():
    secret = b"one secret for both, by mistake!"
    ours = hub_tokens(secret)
    access = ours.issue(account_id="0abcdefghij1", session_id="0abcdefghij2", version=1, now=NOW)
    with pytest.raises(Unauthenticated):
        ClientTokens(secret).connection(access, NOW)
    claims = jwt.decode(access, options={"verify_signature": False})
    for headers in ({}, {"typ": "at+jwt"}, {"typ": "at+jwt", "kid": derive_key(secret, "HS256", "").kid}):
        with pytest.raises(Unauthenticated):
            ours.verify(signed(claims, secret=secret, headers=headers), NOW)


def test_the_hubs_own_secret_is_not_given_to_applications():
    secret = "a-secret-key-for-the-tests-alone"
    with pytest.raises(ValueError, match="HUB_CLIENT_TOKEN_SECRET"):
        ClientTokens.of(Settings.model_validate({"hub_secret_key": secret, "hub_client_token_secret": secret}))
