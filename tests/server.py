"""Run the real server, as a user gets it, for tests that need one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SECRET_KEY = "only-for-test-servers-" + "x" * 32
START_SECONDS = 30.0
STOP_SECONDS = 10.0

# The machine's proxy is for the world outside, not for 127.0.0.1.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def running_server(database_url: str, **env: str) -> Iterator[str]:
    """Serve a migrated database on a free port of 127.0.0.1; yield the base URL.

    `env` adds environment variables. Raises RuntimeError with the server's output when it does
    not start. The server is stopped with SIGTERM, and by force if that does not do.
    """
    port = _free_port()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            _command(port),
            cwd=PROJECT,
            env={**os.environ, "SECRET_KEY": SECRET_KEY, "DATABASE_URL": database_url, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            base_url = f"http://127.0.0.1:{port}{env.get('STEPBOARD_URL_PREFIX', '')}"
            if not _answers(f"{base_url}/health", process):
                output.seek(0)
                raise RuntimeError(f"the server did not start:\n{output.read()}")
            yield base_url
        finally:
            _stop(process)


def _command(port: int) -> list[str]:
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--factory"]
    return [sys.executable, "-m", "granian", *options, "webapp:create_app"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with _opener.open(url, timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Whatever is left of the group: the server forks its workers.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
