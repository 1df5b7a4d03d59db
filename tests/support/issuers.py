"""Another issuer of tokens: its keys, its JWKS document, and whatever it or an attacker signs."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://login.example.test/", "status-hub"
_MAKE: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
}
_DESCRIBE: dict[str, Any] = {"RS256": RSAAlgorithm, "EdDSA": OKPAlgorithm, "ES256": ECAlgorithm}


class IssuerKey:
    """One key pair."""

    def __init__(self, kid: str, algorithm: str = "EdDSA") -> None:
        self.kid, self.algorithm = kid, algorithm
        self.private = _MAKE[algorithm]()
        self.public = self.private.public_key()

    @property
    def jwk(self) -> dict[str, Any]:
        described = _DESCRIBE[self.algorithm].to_jwk(self.public, as_dict=True)
        return {**described, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def public_bytes(self) -> list[bytes]:
        """What everybody may know of the key: PEM, DER, and its raw 32 bytes if it has such."""
        encoding, form = serialization.Encoding, serialization.PublicFormat
        found = [self.public.public_bytes(one, form.SubjectPublicKeyInfo) for one in (encoding.PEM, encoding.DER)]
        if self.algorithm == "EdDSA":
            found.append(self.public.public_bytes(encoding.Raw, form.Raw))
        return found


def jwks(*keys: IssuerKey) -> bytes:
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


def sign(
    key: IssuerKey,
    now_s: int,
    claims: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    *,
    secret: bytes | None = None,
    algorithm: str | None = None,
) -> str:
    """A token of the issuer with claims or headers changed; ... takes one out. With a `secret`: HMAC instead."""
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now_s, "exp": now_s + 600, **(claims or {})}
    head = {"alg": "HS256" if secret else key.algorithm, "typ": "JWT", "kid": key.kid, **(headers or {})}
    signed = b".".join(
        _b64(json.dumps({name: value for name, value in part.items() if value is not ...}).encode())
        for part in (head, payload)
    )
    used = "HS256" if secret else algorithm or key.algorithm
    signature = jwt.get_algorithm_by_name(used).sign(signed, secret or key.private)
    return b".".join([signed, _b64(signature)]).decode()


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
