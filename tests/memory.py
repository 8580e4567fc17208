"""Put what tests write into memory, if there is room: on a disk, thousands wait for their files."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

MEMORY = Path("/dev/shm")
# All that a run of the suite writes at once is far less.
ENOUGH_BYTES = 4 * 2**30


def use_memory() -> None:
    """Let temporary files be in memory, those of processes that tests start too.

    Who says by TMPDIR where they shall be is obeyed.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def share_bytecode() -> Callable[[], None]:
    """Let processes that are started share what one compiled, also where Python may not keep it.

    Each compiled all modules anew, for seconds. Return what takes it away again.
    """
    if not os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        return lambda: None
    folder = tempfile.mkdtemp(prefix="stepboard-bytecode-")
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    sys.dont_write_bytecode, sys.pycache_prefix = False, folder
    return lambda: shutil.rmtree(folder, ignore_errors=True)
