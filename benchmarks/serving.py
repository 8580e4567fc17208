"""Serve a database as `app.py` does, in a process of its own, and watch its memory."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from webapp.config import PROJECT

START_S = 60.0
STOP_S = 35.0


class Served(NamedTuple):
    """A running server with one worker."""

    url: str
    pid: int

    def memory_mb(self) -> float:
        """Return the resident memory of its largest process."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return max(_resident_mb(pid) for pid in (str(self.pid), *children))


@contextmanager
def served(database_url: str) -> Iterator[Served]:
    """Serve a database on a free port of 127.0.0.1."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving", str(port)],
        cwd=PROJECT,
        env={
            **os.environ,
            "SECRET_KEY": secrets.token_hex(32),
            "DATABASE_URL": database_url,
            "STEPBOARD_LOG_LEVEL": "warning",
        },
    )
    try:
        _wait_for(port, process)
        yield Served(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(STOP_S)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("The server did not start.")


def _resident_mb(pid: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = next(line for line in lines if line.startswith("VmRSS:"))
    return int(resident.split()[1]) / 1024


def main() -> None:
    """Serve with the settings of `app.py`."""
    from app import make_server

    make_server("benchmarks.wsgi:make_measured_app", port=int(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
