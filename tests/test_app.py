"""`python app.py`: a first start, a second one, and all that can keep it from starting."""

import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from app import parse_arguments
from webapp.ingest.sample import unpacked_sample

from .server import PROJECT

START_SECONDS = 30.0
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """Return an instance folder that is not there yet, with a space in its name."""
    return tmp_path / "an instance"


def environment(instance: Path, **changes: str) -> dict[str, str]:
    """Return an environment without settings but the instance folder and the given ones."""
    ours = ("SECRET_KEY", "DATABASE_URL", "STEPBOARD_", "FLASK_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "STEPBOARD_INSTANCE": str(instance), **changes}


def start(instance: Path, *options: str, **env: str) -> "subprocess.Popen[str]":
    """Start app.py; its folder is not the current one."""
    return subprocess.Popen(
        [sys.executable, str(PROJECT / "app.py"), *options],
        cwd=instance.parent,
        env=environment(instance, **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def started(instance: Path, *options: str, **env: str) -> Iterator[tuple[str, str]]:
    """Run app.py until it answers; yield its URL and what it printed; stop it as Ctrl-C does."""
    port = free_port()
    process = start(instance, "--port", str(port), *options, **env)
    assert process.stdout
    printed = ""
    try:
        while not printed.endswith("\n\n") or "Stepboard is at" not in printed:
            line = process.stdout.readline()
            assert line, process.communicate()
            printed += line
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health")
        yield url, printed
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, ""), errors
        assert "Traceback" not in errors
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_for(url: str) -> None:
    """Return once the URL answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            _opener.open(url, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.05)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fail(instance: Path, *options: str, **env: str) -> str:
    """Run app.py, which must end with exit code 1 and one line; return that line."""
    process = start(instance, *options, **env)
    printed, errors = process.communicate(timeout=START_SECONDS)
    assert (process.returncode, printed) == (1, ""), errors
    assert len(errors.splitlines()) == 1, errors
    return errors.strip()


def log_in(url: str, password: str) -> int:
    """Log in as admin through the API and return the status."""
    body = json.dumps({"username": "admin", "password": password}).encode()
    request = urllib.request.Request(f"{url}/osm/api/login", data=body, method="POST")
    try:
        with _opener.open(request, timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def find_password(printed: str) -> str | None:
    """Return the password that was printed, if one was."""
    match = re.search(r"password (\S+)$", printed, re.MULTILINE)
    return match[1] if match else None


def test_the_first_start_prints_a_password_that_logs_in_and_the_second_none(instance: Path) -> None:
    with started(instance) as (url, printed):
        password = find_password(printed)
        assert password
        assert f"Stepboard is at {url} " in printed
        assert log_in(url, password) == 200
        assert log_in(url, "something else") == 401
    with started(instance) as (url, printed):
        assert find_password(printed) is None
        assert log_in(url, password) == 200


def test_what_a_start_makes_is_for_its_owner_only(instance: Path) -> None:
    with started(instance):
        assert stat.S_IMODE(instance.stat().st_mode) == 0o700
        assert stat.S_IMODE((instance / "secret_key").stat().st_mode) == 0o600


def test_the_first_password_can_be_given(instance: Path) -> None:
    with started(instance, STEPBOARD_ADMIN_PASSWORD="a password of mine") as (url, printed):
        assert "a password of mine" not in printed
        assert find_password(printed) is None
        assert log_in(url, "a password of mine") == 200


def test_a_first_password_that_is_easy_to_guess_is_refused(instance: Path) -> None:
    port = str(free_port())
    for password, why in (("mine", "at least 12 characters"), ("admin1234567", "easy to guess")):
        error = fail(instance, "--port", port, STEPBOARD_ADMIN_PASSWORD=password)
        assert error.startswith("Error: STEPBOARD_ADMIN_PASSWORD cannot be used: ")
        assert why in error and password not in error


def test_sigterm_to_the_server_alone_ends_it_cleanly(instance: Path) -> None:
    port = free_port()
    process = start(instance, "--port", str(port))
    wait_for(f"http://127.0.0.1:{port}/health")
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_said_before_anything_is_made(instance: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        error = fail(instance, "--port", str(port))
    assert error.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use.")
    assert not instance.exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "²", "9" * 5000])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", f"--port={port}"])
    with pytest.raises(SystemExit, match="not a port from 1 to 65535"):
        parse_arguments()


def test_an_argument_that_is_wrong_ends_it_with_one_line(instance: Path) -> None:
    assert "not a port from 1 to 65535" in fail(instance, "--port=http")


def test_a_missing_base_is_said_before_anything_is_made(instance: Path) -> None:
    missing = instance.parent / "no base"
    assert f"there is no {missing}" in fail(instance, "--osmedeus", str(missing))
    assert not instance.exists()


def test_workspaces_without_a_base_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--workspaces", str(tmp_path)])
    with pytest.raises(SystemExit, match="--workspaces needs --osmedeus"):
        parse_arguments()


def test_a_folder_that_cannot_be_written_is_named(instance: Path) -> None:
    instance.write_text("a file stands here")
    assert fail(instance, "--port", str(free_port())) == (
        f"Error: Cannot use the folder {instance}: File exists."
    )


def test_a_file_system_that_cannot_be_written_is_named() -> None:
    folder = Path("/proc/sys/kernel")
    process = subprocess.run(
        [sys.executable, str(PROJECT / "app.py"), "--port", str(free_port())],
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith(f"Error: Cannot use the folder {folder}: ")
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STEPBOARD_LOGINDAYS", "3", "STEPBOARD_LOGINDAYS is not a setting"),
        ("STEPBOARD_LOGIN_DAYS", "soon", "STEPBOARD_LOGIN_DAYS must be a whole number"),
        ("SECRET_KEY", "short", "SECRET_KEY must be set, to at least 32 random characters"),
        ("DATABASE_URL", "mysql://u:hush@h/d", "DATABASE_URL must name an SQLite file or a"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all.sqlite", "unable to open database file"),
        ("DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/d", "Cannot use the database: "),
    ],
)
def test_a_bad_setting_is_named(instance: Path, name: str, value: str, said: str) -> None:
    error = fail(instance, "--port", str(free_port()), **{name: value})
    assert said in error
    assert "hush" not in error


def test_a_damaged_key_is_not_used(instance: Path) -> None:
    instance.mkdir()
    (instance / "secret_key").write_text("short\n")
    assert "secret_key holds no good key" in fail(instance, "--port", str(free_port()))


def test_a_file_that_is_no_database_is_left_alone(instance: Path) -> None:
    instance.mkdir()
    file = instance / "stepboard.sqlite"
    file.write_bytes(b"no database, but long enough to be read as one" * 100)
    before = file.read_bytes()
    assert "file is not a database" in fail(instance, "--port", str(free_port()))
    assert file.read_bytes() == before


def test_a_database_of_another_version_is_not_changed(instance: Path) -> None:
    instance.mkdir()
    with closing(sqlite3.connect(instance / "stepboard.sqlite")) as connection:
        connection.executescript("CREATE TABLE steps (id INTEGER)")
    error = fail(instance, "--port", str(free_port()))
    assert "run 'flask db upgrade'" in error
    with closing(sqlite3.connect(instance / "stepboard.sqlite")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("steps",)]


def test_the_wsgi_module_refuses_to_start_without_a_secret_key(instance: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=PROJECT,
        env=environment(instance),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "SECRET_KEY must be set" in process.stderr
    assert not instance.exists()


def test_a_base_is_imported_before_serving(instance: Path) -> None:
    with (
        unpacked_sample() as sample,
        started(
            instance,
            "--osmedeus",
            str(sample / "base"),
            STEPBOARD_ADMIN_PASSWORD="a password of mine",
        ) as (
            url,
            printed,
        ),
    ):
        assert "runs " in printed and "33 (33 new" in printed
        assert log_in(url, "a password of mine") == 200


def test_the_demo_is_imported_once(instance: Path) -> None:
    with started(instance, "--demo") as (_, printed):
        assert "33 (33 new" in printed
    with started(instance, "--demo") as (_, printed):
        assert "33 (0 new" in printed


def test_a_file_that_is_no_base_is_refused(instance: Path) -> None:
    file = instance.parent / "notes.txt"
    file.write_text("not a database")
    assert str(file) in fail(instance, "--port", str(free_port()), "--osmedeus", str(file))
