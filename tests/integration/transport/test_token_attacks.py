"""Forged, twisted and misused tokens at every door: REST, sockets, streams (T1-T5, T9, T10)."""

import base64
import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from hub.auth.machine_keys import new_key
from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page
from tests.support.api import data_of, error_of
from tests.support.client_tokens import client_token
from tests.support.json_client import json_client
from tests.support.waiting import wait_until

CLIENT_SECRET = "a secret of another application altogether"
SECRET = "zanzibar"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """EdDSA, because a public key is what forgers have; a short grace after a token's end."""
    changes = {"jwt_algorithm": "EdDSA", "hub_client_token_secret": CLIENT_SECRET, "hub_expiry_grace_s": 2.0}
    return Settings.model_validate({**settings.model_dump(), **changes})


class Forger:
    """Knows one good token and what everybody may know of the key that signed it."""

    def __init__(self, hub: LocalHub, token: str) -> None:
        self.token = token
        self.claims = jwt.decode(token, options={"verify_signature": False})
        self.header = jwt.get_unverified_header(token)
        public = hub.state["tokens"].keyring.verifying(self.header["kid"], hub.state["clock"].now()).verifying
        encoding, form = serialization.Encoding, serialization.PublicFormat
        self.public = [
            public.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo),
            public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
            public.public_bytes(encoding.Raw, form.Raw),
        ]

    def write(self, header: dict[str, Any], claims: dict[str, Any] | None = None, secret: bytes = b"") -> str:
        parts = ({**self.header, **header}, {**self.claims, **(claims or {})})
        signed = b".".join(_b64(json.dumps(part).encode()) for part in parts)
        signature = jwt.get_algorithm_by_name("HS256").sign(signed, secret) if secret else b""
        return b".".join([signed, _b64(signature) or b"AA"]).decode()

    def unsigned(self) -> Iterator[str]:
        """T1. `none` in any case, with an empty signature, the old one, and none at all."""
        for name in ("none", "None", "NONE", "nOnE", "", "null"):
            bare = self.write({"alg": name})
            yield bare
            yield bare.rpartition(".")[0] + "."
            yield bare.rpartition(".")[0] + "." + self.token.rpartition(".")[2]

    def by_the_public_key(self) -> Iterator[str]:
        """T1. HMAC with what is public: PEM, DER, the raw 32 bytes."""
        for secret in self.public:
            for name in ("HS256", "EdDSA", "HS384"):
                yield self.write({"alg": name}, secret=secret)

    def with_another_kid(self) -> Iterator[str]:
        """T2. Paths, SQL, addresses, lists, a megabyte; and headers that name a key of the forger's."""
        for kid in ("../../../dev/null", "/dev/null", "' UNION SELECT 'x' --", "http://127.0.0.1:1/k", ["a"], {"a": 1},
                    None, "", "x" * 1_000_000, "hs-000000000000", "pk-ffffffffffff"):  # fmt: skip
            yield self.write({"alg": "HS256", "kid": kid}, secret=b"x" * 32)
        for name in ("jku", "x5u"):
            yield self.write({"alg": "HS256", name: "http://127.0.0.1:1/jwks.json"}, secret=b"x" * 32)
        yield self.write({"alg": "HS256", "jwk": {"kty": "oct", "k": "eHh4"}}, secret=b"xxx")
        yield self.write({"crit": ["exp"]})

    def too_large(self) -> Iterator[str]:
        """T4."""
        for size in (5_000, 8_192, 60_000):
            yield self.write({}, {"pad": "x" * size})


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


async def is_refused(hub: LocalHub, page: Page, token: str) -> None:
    """At REST, on a stream and on a socket; nothing private is told."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=hub.base_url, headers=headers, timeout=20) as client:
        if len(token) < 12_000:  # a longer head is refused before anybody looks at it
            error_of(await client.get("/api/v1/me"), 401, "unauthenticated")
            answer = await client.get(f"/p/{page.slug}/events")
            assert answer.status_code == 401
    if len(token) < 60_000:  # the same for a frame
        async with json_client(hub.ws_url) as client:
            with pytest.raises(ConnectionError, match="3500"):
                await client.connect(token)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["unsigned", "by_the_public_key", "with_another_kid", "too_large"])
async def test_a_forged_token_opens_nothing(local_hub: LocalHub, page: Page, attack: str) -> None:
    """T1, T2, T4."""
    forger = Forger(local_hub, page.token)
    for token in getattr(forger, attack)():
        await is_refused(local_hub, page, token)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None}, {"exp": "9999999999"}, {"exp": 10**399}, {"exp": 10**12}, {"exp": -1}, {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999}, {"aud": None}, {"aud": "other"}, {"aud": ["status-hub"]}, {"iss": "other"}, {"sub": 7},
        {"sub": ""}, {"sub": "0abcdefghi\x001"}, {"sub": "0abcdefghi\ud8001"},
    ],
    ids=lambda changes: str(changes)[:30],
)  # fmt: skip
async def test_a_rightly_signed_token_with_claims_out_of_bounds_opens_nothing(
    local_hub: LocalHub, page: Page, changes: dict[str, Any]
) -> None:
    """T3. As if a program with our key had a fault."""
    forger = Forger(local_hub, page.token)
    key = local_hub.state["tokens"].keyring.signing(local_hub.state["clock"].now())
    token = jwt.encode({**forger.claims, "pad": 1}, key.signing, algorithm="EdDSA", headers=forger.header)
    async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
        data_of(await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}))
    parts = (forger.header, {name: value for name, value in {**forger.claims, **changes}.items() if value is not None})
    signed = b".".join(_b64(json.dumps(part).encode()) for part in parts)
    await is_refused(local_hub, page, b".".join([signed, _b64(key.signing.sign(signed))]).decode())


async def test_what_is_made_for_another_purpose_is_no_access_token(local_hub: LocalHub, page: Page) -> None:
    """T9. Refresh, mailed and invitation tokens, keys, tokens of other applications, at the doors of access tokens."""
    others = [secrets.token_hex(32), secrets.token_urlsafe(32), new_key()]
    for token in others:
        await is_refused(local_hub, page, token)
    claims = Forger(local_hub, page.token).claims
    token = client_token(CLIENT_SECRET, sub=claims["sub"], sid=claims["sid"], exp=claims["exp"])
    async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
        error_of(await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}), 401)
        for path, field in (("verify", "token"), ("refresh", "refresh_token")):
            for foreign in (page.token, new_key(), token):
                answer = await client.post(f"/api/v1/auth/{path}", json={field: foreign[:200]})
                assert answer.status_code in {401, 404, 422}, answer.text


@pytest.fixture
async def hidden(page: Page) -> str:
    """A component that operators alone see."""
    body = {"name": "Vault", "audience": "verified", "description": SECRET}
    component: str = data_of(await page.operator.post(f"/api/v1/pages/{page.slug}/components", json=body), 201)["id"]
    return component


def shortened(hub: LocalHub, token: str, left_s: float, **changes: Any) -> str:
    """A token of the same sign-in that ends in `left_s`."""
    state = hub.state
    claims = jwt.decode(token, options={"verify_signature": False})
    then = state["clock"].now() + timedelta(seconds=left_s - state["tokens"].ttl_s)
    said = {"account_id": claims["sub"], "session_id": claims["sid"], "version": claims["ver"], **changes}
    return str(state["tokens"].issue(**said, now=then))


async def test_an_expired_token_asks_for_a_fresh_one(local_hub: LocalHub, page: Page) -> None:
    """T5. 109 at `connect`, so that the client fetches another one."""
    async with json_client(local_hub.ws_url) as client:
        reply = await client.call(connect={"token": shortened(local_hub, page.token, -60)})
        assert reply["error"]["code"] == 109


@pytest.mark.usefixtures("hidden")
async def test_a_token_that_ends_between_connect_and_subscribe_ends_the_connection(
    local_hub: LocalHub, page: Page, hidden: str
) -> None:
    """T5, case 70. 3005 after the grace, and no private frame afterwards."""
    async with json_client(local_hub.ws_url) as client:
        await client.connect(shortened(local_hub, page.token, 1))
        await wait_until(lambda: client.close_code is not None, within_s=60)
        assert client.close_code == 3005
        told = len(client.pushes)
        path = f"/api/v1/pages/{page.slug}/components/{hidden}"
        data_of(await page.operator.patch(path, json={"description": SECRET + "!"}))
        assert len(client.pushes) == told


@pytest.mark.usefixtures("hidden")
async def test_a_refresh_in_band_keeps_a_connection_early_and_within_the_grace(local_hub: LocalHub, page: Page) -> None:
    """T5."""
    async with json_client(local_hub.ws_url) as client:
        await client.connect(shortened(local_hub, page.token, 1))
        await client.subscribe(page.channel)
        early = await client.call(refresh={"token": shortened(local_hub, page.token, 2)})
        assert early["refresh"]["ttl"] >= 1
        late = await client.call(refresh={"token": page.token})
        assert late["refresh"]["ttl"] > 60
        await page.change()
        await wait_until(lambda: client.pushed(page.channel, "pub"))


async def test_a_refresh_in_band_with_what_is_not_good_ends_the_connection(local_hub: LocalHub, page: Page) -> None:
    """T5. Expired: 3005, come back with another one. Forged: 3500."""
    for token, code in ((shortened(local_hub, page.token, -60), 3005), (page.token[:-4] + "AAAA", 3500)):
        async with json_client(local_hub.ws_url) as client:
            await client.connect(page.token)
            with pytest.raises(ConnectionError, match=str(code)):
                await client.call(refresh={"token": token})


async def test_nobody_refreshes_the_connection_of_somebody_else(local_hub: LocalHub, page: Page) -> None:
    """T5. Another account, a key, an application's user of the same name; and a sign-in that never was."""
    account = str(jwt.decode(page.token, options={"verify_signature": False})["sub"])
    made = data_of(
        await page.operator.post("/api/v1/keys", json={"name": "k", "pages": [page.slug], "scopes": ["read"]}), 201
    )
    later = int(local_hub.state["clock"].now().timestamp()) + 600
    personal = [f"#{account}"]
    others = [
        made["key"],
        shortened(local_hub, page.token, 300, session_id="0abcdefghij2"),
        shortened(local_hub, page.token, 300, version=99),
        client_token(CLIENT_SECRET, sub=account, exp=later, channels=personal),
        client_token(CLIENT_SECRET, sub="somebody", exp=later),
    ]
    for token in others:
        async with json_client(local_hub.ws_url) as client:
            await client.connect(page.token)
            with pytest.raises(ConnectionError, match="3500"):
                await client.call(refresh={"token": token})
    async with json_client(local_hub.ws_url) as client:
        await client.connect(made["key"])
        with pytest.raises(ConnectionError, match="3500"):
            await client.call(refresh={"token": client_token(CLIENT_SECRET, sub=f"key:{made['id']}", exp=later)})


@pytest.mark.usefixtures("hidden")
async def test_a_token_in_an_address_opens_nothing(local_hub: LocalHub, page: Page) -> None:
    """T10."""
    for name in ("token", "access_token", "authorization", "jwt"):
        async with httpx2.AsyncClient(base_url=local_hub.base_url, params={name: page.token}) as http:
            error_of(await http.get("/api/v1/me"), 401)
            assert SECRET not in (await http.get(f"/api/v1/pages/{page.slug}/snapshot")).text
        async with json_client(f"{local_hub.ws_url}?{name}={page.token}") as client:
            assert "subs" not in await client.connect()
            assert SECRET not in json.dumps(await client.subscribe(page.channel))
