"""Run Stepboard on this machine: `python app.py` makes the embedded database and serves it."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Flask
from flask.cli import load_dotenv

from webapp.bootstrap import (
    StartError,
    check_port,
    check_socket,
    close,
    make_first_user,
    make_local_app,
    prepare,
)
from webapp.cli.imports import print_summary, progress_report
from webapp.ingest.demo import import_demo
from webapp.ingest.errors import SourceError
from webapp.ingest.osmedeus.importer import import_base

if TYPE_CHECKING:
    from granian.server.common import AbstractServer

# Of each worker; README.md gives the same to other ways of serving.
THREADS = 64
# How long a client may take to send its headers, and how much of them.
HEADER_READ_MS = 10_000
HEADER_BYTES = 64 * 1024
# How long the answers under way may take when the server is to end.
LAST_ANSWERS_S = 30


def create_app() -> Flask:
    """Make the application for the `flask` commands; .flaskenv names this file for them."""
    try:
        return make_local_app()
    except StartError as error:
        sys.exit(f"Error: {error}")


def main() -> None:
    """Make everything ready, then serve until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = parse_arguments()
    load_dotenv()
    # On a terminal a line for each request is noise; the worker reads this too.
    os.environ["STEPBOARD_LOG_LEVEL"] = os.environ.get("STEPBOARD_LOG_LEVEL") or "warning"
    try:
        if arguments.uds:
            check_socket(arguments.uds)
        else:
            check_port(arguments.host, arguments.port)
        app = make_local_app()
        prepare(app)
        import_first(app, arguments)
        serve(app, arguments)
    except (StartError, SourceError) as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, without the usage."""
        sys.exit(f"Error: {message} (python app.py --help lists the options).")


def parse_arguments() -> argparse.Namespace:
    """Read the command line; end with one line if it makes no sense."""
    parser = _Parser(
        prog="app.py", description="Serve Stepboard on this machine, with its embedded database."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=8002, help="port to listen on (default: %(default)s)")
    add("--uds", type=Path, metavar="PATH", help="listen on this Unix socket instead")
    add("--workers", type=_workers, default=1, help="how many processes (default: %(default)s)")
    add("--osmedeus", type=_path, metavar="PATH", help="import this Osmedeus base first")
    add("--workspaces", type=_path, metavar="PATH", help="its workspaces, if not beside it")
    add("--demo", action="store_true", help="import the bundled sample first")
    arguments = parser.parse_args()
    if arguments.workspaces and not arguments.osmedeus:
        parser.error("--workspaces needs --osmedeus")
    return arguments


def _port(text: str) -> int:
    return _number(text, 65535, "a port")


def _workers(text: str) -> int:
    return _number(text, 64, "a number of workers")


def _number(text: str, most: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} from 1 to {most}")
    return int(text)


def _path(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {path}")
    return path


def import_first(app: Flask, arguments: argparse.Namespace) -> None:
    """Import what the command line asks for, and print what was found."""
    with app.app_context():
        if arguments.osmedeus:
            with progress_report() as report:
                summary = import_base(arguments.osmedeus, arguments.workspaces, report=report)
            print_summary(summary)
        if arguments.demo:
            with progress_report() as report:
                summary = import_demo(report)
            print_summary(summary)


def announce(arguments: argparse.Namespace, prefix: str, password: str | None) -> None:
    """Say where Stepboard is and how to get in."""
    print(f"\nStepboard is at {_describe_place(arguments, prefix)}   (Ctrl-C stops it)")
    if password:
        print(f"Log in as admin with the password {password}")
        print("It is shown only now; '.venv/bin/flask users set-password admin' sets another one.")
    print(flush=True)


def _describe_place(arguments: argparse.Namespace, prefix: str) -> str:
    if arguments.uds:
        return f"the Unix socket {arguments.uds}"
    host: str = arguments.host
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{here}:{arguments.port}{prefix and f'{prefix}/'}"


def make_server(target: str, **options: Any) -> "AbstractServer[Any]":
    """Make the server that serves what a factory makes; `options` are granian's, of the place."""
    # Here, because no `flask` command needs it.
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    return Granian(
        target,
        interface=Interfaces.WSGI,
        factory=True,
        respawn_failed_workers=True,
        blocking_threads=THREADS,
        # Without TLS no browser speaks HTTP/2, and these limits are of HTTP/1.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_READ_MS, max_buffer_size=HEADER_BYTES
        ),
        log_level=LogLevels.error,
        workers_kill_timeout=LAST_ANSWERS_S,
        **options,
    )


def serve(app: Flask, arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM; each worker makes its own application."""
    server = make_server(
        "webapp.bootstrap:make_worker_app",
        address=arguments.host,
        port=arguments.port,
        uds=arguments.uds,
        uds_permissions=0o660,
        workers=arguments.workers,
    )

    # Once it listens and hears signals: no password is made that nobody gets to see.
    @server.on_startup
    def open_up() -> None:
        # A closed terminal ends it too; granian would start its worker again.
        signal.signal(signal.SIGHUP, server.signal_handler_interrupt)
        announce(arguments, app.config["SETTINGS"].url_prefix, make_first_user(app))
        close(app)

    server.serve()


if __name__ == "__main__":
    main()
