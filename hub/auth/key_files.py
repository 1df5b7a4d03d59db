"""Signing keys that are files: PEM, Ed25519 for EdDSA, RSA of 2048 bits or more for RS256."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from hub.auth.keyring import EDDSA, HS256, RS256, Foundation, Key, public_key_pair, public_kid
from hub.settings import Settings

_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192  # verifying costs more with every bit


def foundation_of(settings: Settings) -> Foundation:
    """What the settings say; raises ValueError, in one line for people, when something is missing or unfit."""
    if settings.hub_secret_key is None:
        raise ValueError("no signing key: set HUB_SECRET_KEY")
    secret = settings.hub_secret_key.get_secret_value().encode()
    if len(secret) < 16:
        raise ValueError("HUB_SECRET_KEY is too short: use at least 16 random characters")
    files = [public_key(path) for path in settings.jwt_public_key_files]
    if settings.jwt_algorithm != HS256 and settings.jwt_private_key_file is not None:
        files.insert(0, private_key(settings.jwt_algorithm, settings.jwt_private_key_file))
    elif settings.jwt_algorithm == RS256:
        raise ValueError("JWT_ALGORITHM=RS256 needs JWT_PRIVATE_KEY_FILE")
    return Foundation(secret, settings.jwt_algorithm, tuple(files))


def private_key(algorithm: str, path: Path) -> Key:
    """An EdDSA (Ed25519) or RS256 key from a PEM file; raises ValueError when the file does not hold one."""
    try:
        signing = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: no readable private key in PEM form") from error
    match algorithm, signing:
        case "EdDSA", Ed25519PrivateKey():
            return public_key_pair(signing, algorithm)
        case "RS256", RSAPrivateKey() if _is_strong(signing):
            return public_key_pair(signing, algorithm)
    raise ValueError(f"{path}: not a key that fits {algorithm}")


def public_key(path: Path) -> Key:
    """A key that only verifies, from a PEM file; raises ValueError when the file does not hold one."""
    try:
        public = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: no readable public key in PEM form") from error
    match public:
        case Ed25519PublicKey():
            return Key(public_kid(public), EDDSA, public)
        case RSAPublicKey() if _is_strong(public):
            return Key(public_kid(public), RS256, public)
    raise ValueError(f"{path}: neither an Ed25519 nor an RSA key of {_MIN_RSA_BITS} to {_MAX_RSA_BITS} bits")


def _is_strong(key: RSAPrivateKey | RSAPublicKey) -> bool:
    return _MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS
