"""Hash passwords cheaply: hundreds of tests log in, and one real hash takes 50 ms of computing.

`test_passwords` holds what the product takes.
"""

from argon2 import PasswordHasher

from webapp import passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PRODUCT_HASHER = passwords._hasher
PRODUCT_NOBODY = passwords._NOBODY


def hash_cheaply() -> None:
    """Let this process take little for each hash, as much for users that there are not."""
    passwords._hasher = CHEAP
    passwords._NOBODY = CHEAP.hash("nobody's")
