"""Tokens as other applications sign them."""

import base64
import hashlib
import hmac
import json
from typing import Any


def client_token(secret: str = "secret", **claims: Any) -> str:
    """An HS256 token; PyJWT would warn of a secret as short as those of the SDKs' suites."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(map(_b64, parts))
    return (signed + b"." + _b64(hmac.new(secret.encode(), signed, hashlib.sha256).digest())).decode()


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
