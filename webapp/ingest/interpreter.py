"""Set Python for a process that makes a great many rows and writes them beside."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Python's own is ten times as long.
SWITCH_S = 0.000_5


@contextmanager
def set_for_bulk() -> Iterator[None]:
    """Pause the search for cyclic garbage, and let threads take turns sooner.

    What is read of a base, and what waits to be written, is a great many small objects without
    cycles, which it would walk through again and again: a fifth of the time of an import. And the
    thread that writes waits for its turn after each statement, a seventh of its time.
    """
    was_enabled, switch_s = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(switch_s)
        if was_enabled:
            gc.enable()
