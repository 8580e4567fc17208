"""Make the random keys of tokens and sessions, and the hashes that are kept of them; pure."""

import hashlib
import hmac
import re
import secrets
import string
import zlib

# By these a token is recognised, wherever somebody left it.
TOKEN_PREFIX = "stepboard_"
# 32 random bytes, and six digits that tell a mistyped token from an unknown one. Tokens made
# before had no such digits.
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{43}}([A-Za-z0-9]{{6}})?")
_DIGITS = string.digits + string.ascii_letters
_CHECK_LENGTH = 6


def make_key() -> str:
    """Return a random key of 256 bits."""
    return secrets.token_urlsafe(32)


def make_token_key() -> str:
    """Return a random token: its prefix, 256 bits, and the checksum of both."""
    body = TOKEN_PREFIX + make_key()
    return body + _checksum(body)


def is_token_key(text: str) -> bool:
    """Tell whether a text can be a token at all: a mistyped or cut one cannot."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return False
    check = found[1]
    return check is None or hmac.compare_digest(check, _checksum(text[:-_CHECK_LENGTH]))


def hash_key(key: str) -> str:
    """Return the hash that is stored of a key: 256 random bits need no slow one."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_same_hash(one: str, other: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(one, other)


def _checksum(text: str) -> str:
    """Return the CRC-32 of a text as six digits of base 62."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
