"""Keep Python's collector of cyclic garbage from what is made in great number."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Pause the search for cyclic garbage.

    What is read of a base, and what waits to be written, is a great many small objects without
    cycles, which it would walk through again and again: a fifth of the time of an import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
