"""Hash passwords, compare them in equal time for everybody, and tell which are easy to guess."""

import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from zxcvbn_rs_py import zxcvbn

# OWASP's least for argon2id; more memory, times eight threads, would let logins fill a small host.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Compared against when there is no such user, so that both answers take equally long.
_NOBODY = _hasher.hash(secrets.token_hex(16))
# What whoever guesses passwords of this server tries first.
WORDS = ("stepboard", "osmedeus", "workflow", "password", "passwort", "admin", "viewer", "root")
# A password that falls to fewer guesses is easy; zxcvbn's own line between weak and good.
MIN_GUESSES_LOG10 = 8
# To judge more of a password may take zxcvbn seconds, and a good start is enough.
JUDGED_LENGTH = 48
# Fewer letters beside those words make it no better; shorter names stand in words by chance.
MANY_LETTERS = 4
SHORTEST_NAME = 3


def hash_password(password: str) -> str:
    """Return the argon2id hash that is stored of a password."""
    return _hasher.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Tell whether a password has this hash; it takes equally long where there is none."""
    try:
        return _hasher.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def why_easy(password: str, username: str) -> str:
    """Return why a password is easy to guess for who knows the user's name; else nothing."""
    name = username.casefold()
    own = [word for word in (name, *re.split(r"[\W_]+", name)) if len(word) >= SHORTEST_NAME]
    words = [*WORDS, *own]
    if _is_made_of(password.casefold(), words):
        return "it is little more than the user name or the name of something here"
    guesses = zxcvbn(password[:JUDGED_LENGTH], words).guesses_log10
    return "" if guesses >= MIN_GUESSES_LOG10 else "it is a common one, or follows a pattern"


def _is_made_of(password: str, words: list[str]) -> bool:
    """Tell whether a password is words, digits and signs, and hardly a letter beside them."""
    longest_first = sorted(words, key=len, reverse=True)
    rest, n_found = re.subn("|".join(map(re.escape, longest_first)), "", password)
    return n_found > 0 and len(re.sub(r"[\W\d_]", "", rest)) < MANY_LETTERS
