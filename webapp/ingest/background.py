"""Import a base in a process of its own, which outlives the worker that was asked for it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import IO

from flask import Flask

from ..audit import record_alone
from ..config import PROJECT
from ..models import Action, Source
from .again import FAILED, can_import, claim_import, end_import, find_missing_path

# Of what the process said before it died, for the log.
SAID_BYTES = 8_000
CANNOT_START = "The import could not be started: {}."


def refuse_or_start(app: Flask, source: Source) -> str:
    """Start the import of a source, or return why that cannot be."""
    if not can_import(source):
        return f"{source.name} is no base that can be read: its steps are pushed to Stepboard."
    if missing := find_missing_path(source):
        return f"{missing} is gone: {source.name} cannot be imported."
    source_id, name = source.id, source.name
    if not start_import(app, source_id):
        return f"{name} is being imported already; wait until that has ended."
    record_alone(Action.IMPORT_ASKED, name)
    return ""


def start_import(app: Flask, source_id: int) -> bool:
    """Start the import of a source; return False, with nothing done, while one is under way.

    The state stands in the database: `Source.import_began_at`, then `import_error` and the
    summary. The import writes it itself; for one that cannot, this worker does.
    """
    began_at = claim_import(source_id)
    if began_at is None:
        return False
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who waits for the process
    try:
        process = _start_process(app.config, source_id, said)
    except OSError as error:
        said.close()
        end_import(source_id, began_at, CANNOT_START.format(error.strerror))
        return True
    arguments = (app, source_id, began_at, process, said)
    name = f"import of source {source_id}"
    threading.Thread(target=_wait_for, args=arguments, name=name, daemon=True).start()
    return True


def _start_process(
    config: Mapping[str, str], source_id: int, said: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start the process, which writes to `said` what goes wrong."""
    command = [sys.executable, "-m", "flask", "--app", "webapp", "sources", "import-claimed"]
    return subprocess.Popen(
        [*command, str(source_id)],
        cwd=PROJECT,
        env=_environment(config),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
        # Neither Ctrl-C nor the end of the worker reaches it.
        start_new_session=True,
    )


def _environment(config: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with the two settings an application cannot do without.

    Neither may stand in the arguments, which everybody on the machine can read.
    """
    return {
        **os.environ,
        "SECRET_KEY": config["SECRET_KEY"],
        "DATABASE_URL": config["SQLALCHEMY_DATABASE_URI"],
    }


def _wait_for(
    app: Flask,
    source_id: int,
    began_at: datetime,
    process: "subprocess.Popen[bytes]",
    said: IO[bytes],
) -> None:
    """Take the process's exit code, so that it is no zombie, and tell of one that died."""
    code = process.wait()
    with said, app.app_context():
        if code == 0:
            return
        said.seek(max(said.seek(0, os.SEEK_END) - SAID_BYTES, 0))
        last_words = said.read().decode("utf-8", "replace").strip()
        app.logger.error("the import of source %s: %s\n%s", source_id, code, last_words)
        # Of an error that it could tell, the process has told.
        end_import(source_id, began_at, _describe_death(code))


def _describe_death(code: int) -> str:
    if code >= 0:
        return FAILED
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"The import was ended from outside ({name})."
