"""The real server as it is run in earnest: its sockets, its workers, and how it ends."""

import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from webapp.accounts import make_token
from webapp.extensions import db
from webapp.models import User

from .conftest import SECRET_KEY, make_app
from .data import make_run, make_source, make_step, write
from .server import PROJECT
from .test_app import START_SECONDS, environment, fail, free_port, start

Process = subprocess.Popen[str]
Connect = Callable[[], socket.socket]
HEALTHY = b'{"status":"ok"}'
LINE = "0123456789abcde\n"
OUTPUT_BYTES = 12_000_000
# Slow enough for the answer to be under way when the server is told to end.
PIECE_BYTES, PAUSE_S = 64 * 1024, 0.01
UNIT = PROJECT / "docs" / "examples" / "stepboard.service"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[Path, str]:
    """Return an instance folder with one step of a large output, and a token that reads it."""
    folder = tmp_path_factory.mktemp("ending")
    (folder / "stepboard.sqlite").write_bytes(sqlite_template.read_bytes())
    (folder / "secret_key").write_text(SECRET_KEY)
    app = make_app(f"sqlite:///{folder / 'stepboard.sqlite'}")
    source_id = make_source(app)
    run_id = write(app, [make_run()], source_id=source_id)["run-1"]
    step = make_step(run_id, output=LINE * (OUTPUT_BYTES // len(LINE)))
    write(app, [], [step], source_id=source_id)
    with app.app_context():
        token = make_token(db.session.scalars(select(User)).one(), "tests", expires_at=None)
        db.engine.dispose()
    return folder, token


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a Unix socket may be."""
    return tmp_path / "stepboard.sock"


def command_of_unit(path: Path) -> list[str]:
    """Return the command of the unit in docs/, on another socket."""
    found = re.search(r"^ExecStart=(.+?)(?<!\\)$", UNIT.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    command = shlex.split(
        found[1].replace("\\\n", " ").replace("/run/stepboard/", f"{path.parent}/")
    )
    assert command[0] == "/opt/stepboard/.venv/bin/granian"
    return [sys.executable, "-m", "granian", *command[1:]]


def start_unit(instance: Path, path: Path) -> Process:
    """Start what the unit starts."""
    database_url = f"sqlite:///{instance / 'stepboard.sqlite'}"
    return subprocess.Popen(
        command_of_unit(path),
        cwd=PROJECT,
        env=environment(instance, SECRET_KEY=SECRET_KEY, DATABASE_URL=database_url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def ended_at_last(process: Process) -> Iterator[Process]:
    """End a server and all of its workers, whatever happens."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=60)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


def connect_to(path: Path) -> socket.socket:
    """Connect to a Unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(START_SECONDS)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def get(connect: Connect, path: str, token: str = "", pause_s: float = 0) -> tuple[bytes, bytes]:
    """Return head and body of an answer, read slowly if so told."""
    with connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        lines = (f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
        connection.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode())
        answer = bytearray()
        while piece := connection.recv(PIECE_BYTES):
            answer += piece
            time.sleep(pause_s)
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return head, body


def wait_for(process: Process, connect: Connect) -> None:
    """Return once the server answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            assert get(connect, "/health")[1].strip() == HEALTHY
            return
        except OSError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)


@pytest.mark.parametrize("way", ["app.py", "unit"])
def test_told_to_end_a_server_ends_its_answers_first(
    served: tuple[Path, str], path: Path, way: str
) -> None:
    instance, token = served
    is_unit = way == "unit"
    process = start_unit(instance, path) if is_unit else start(instance, "--uds", str(path))
    with ended_at_last(process):
        wait_for(process, lambda: connect_to(path))

        def connect() -> socket.socket:
            """Tell the server to end when it has begun to answer."""
            connection = connect_to(path)
            threading.Timer(0.3, process.terminate).start()
            return connection

        head, body = get(connect, "/steps/1/output.txt", token, PAUSE_S)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert process.wait(60) == 0
        assert body == LINE.encode() * (OUTPUT_BYTES // len(LINE))
    assert not path.exists()


def test_a_socket_is_for_its_group_and_one_that_was_left_behind_is_replaced(
    served: tuple[Path, str], path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    instance, _ = served
    with ended_at_last(start(instance, "--uds", str(path))) as process:
        wait_for(process, lambda: connect_to(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        error = fail(instance, "--uds", str(path))
        assert error == f"Error: Cannot listen on {path}: another server answers there."
        assert get(lambda: connect_to(path), "/health")[1].strip() == HEALTHY


def test_a_file_is_not_replaced_by_a_socket(path: Path) -> None:
    path.write_text("precious")
    instance = path.parent / "instance"
    assert f"Cannot listen on {path}: Address already in use." in fail(instance, "--uds", str(path))
    assert path.read_text() == "precious"
    assert not instance.exists()


def test_it_listens_on_ipv6(served: tuple[Path, str]) -> None:
    port = free_port()
    with ended_at_last(start(served[0], "--host", "::1", "--port", str(port))) as process:
        wait_for(process, lambda: socket.create_connection(("::1", port), START_SECONDS))
        assert process.stdout
        process.stdout.readline()
        assert process.stdout.readline().startswith(f"Stepboard is at http://[::1]:{port} ")


def test_workers_share_all_and_one_that_is_killed_is_replaced(
    served: tuple[Path, str], path: Path
) -> None:
    instance, token = served
    with ended_at_last(start_unit(instance, path)) as process:
        wait_for(process, lambda: connect_to(path))
        workers = workers_of(process)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)

        def is_replaced() -> bool:
            head, _ = get(lambda: connect_to(path), "/osm/api/runs", token)
            assert head.startswith(b"HTTP/1.1 200 ")
            return len(serving_of(process) - {workers[0]}) == 2

        wait_until(is_replaced)
        assert all(is_replaced() for _ in range(20))


def test_a_worker_does_not_outlive_a_killed_server(served: tuple[Path, str], path: Path) -> None:
    with ended_at_last(start(served[0], "--uds", str(path))) as process:
        wait_for(process, lambda: connect_to(path))
        (worker,) = workers_of(process)
        process.kill()
        process.wait()
        wait_until(lambda: not Path(f"/proc/{worker}").exists())


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once something is so."""
    end = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def workers_of(process: Process) -> list[int]:
    """Return the ids of a server's workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in children.split()]


def serving_of(process: Process) -> set[int]:
    """Return the ids of the workers that have begun to serve, which takes threads."""
    return {
        one for one in workers_of(process) if len(list(Path(f"/proc/{one}/task").iterdir())) > 1
    }
