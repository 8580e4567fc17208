"""Sources: what each holds and what its import found; importing one again in the background."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from webapp.columns import utc_now
from webapp.extensions import db
from webapp.ingest.again import GIVEN_UP_AFTER, claim_import
from webapp.ingest.demo import import_demo
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.sample import unpacked_sample
from webapp.models import Source
from webapp.pages.source_facts import summary_lines, warnings_of

from .data import make_run, make_source, make_step, write
from .statements import collected_statements

END_SECONDS = 60.0


@pytest.fixture(scope="module")
def unpacked() -> Iterator[Path]:
    """Return the real base's folder; not to be changed."""
    with unpacked_sample() as folder:
        yield folder


@pytest.fixture(autouse=True)
def nothing_left(app: Flask) -> Iterator[None]:
    """Wait for what waits for imports: it uses the database of the test."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("import of source"):
            thread.join(END_SECONDS)


@pytest.fixture
def base(app: Flask, unpacked: Path, tmp_path: Path) -> Path:
    """Return the folder of a base that is imported here, as source 1 named mine."""
    folder = Path(shutil.copytree(unpacked, tmp_path / "my bases"))
    with app.app_context():
        import_base(folder / "base", name="mine")
    return folder


@pytest.fixture
def demo(app: Flask) -> None:
    """Import the demo as source 1."""
    with app.app_context():
        import_demo(lambda *_: None)


def get_source(app: Flask) -> Source:
    with app.app_context():
        return db.session.get_one(Source, 1)


def change_source(app: Flask, **values: object) -> None:
    with app.app_context():
        db.session.execute(update(Source).where(Source.id == 1).values(**values))
        db.session.commit()


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + END_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def wait_for_the_end(app: Flask) -> Source:
    wait_until(lambda: get_source(app).import_began_at is None)
    return get_source(app)


def children() -> list[int]:
    """Return the processes that this one has started and not waited for."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [int(line.split()[0]) for line in found if "import-claimed" in line or "defunct" in line]


def cards(client: FlaskClient) -> str:
    response = client.get("/sources")
    assert response.status_code == 200
    return response.text


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["sources", *arguments])


def test_without_a_base_the_page_says_how_to_import_one(signed_in: FlaskClient) -> None:
    page = cards(signed_in)
    assert "No bases yet" in page
    assert ".venv/bin/flask import osmedeus /path/to/osmedeus-base" in page


def test_a_base_is_shown_with_what_it_holds(signed_in: FlaskClient, base: Path) -> None:
    page = cards(signed_in)
    assert f">{base / 'base' / 'database-osm.sqlite'}<" in page
    assert f">{base / 'workspaces-osmedeus'}<" in page
    assert "<dt>runs</dt><dd>33</dd>" in page
    assert "<dt>steps</dt><dd>175</dd>" in page
    assert "175, all new" in page


def test_each_base_counts_its_own(app: Flask, signed_in: FlaskClient) -> None:
    for name, n in (("a", 2), ("b", 1)):
        source_id = make_source(app, name)
        runs = [make_run(f"{name}{i}") for i in range(n)]
        ids = write(app, runs, source_id=source_id)
        write(app, [], [make_step(ids[f"{name}0"], i) for i in range(3 * n)], source_id=source_id)
    counts = re.findall(r"<dt>(?:runs|steps)</dt><dd>(\d+)</dd>", cards(signed_in))
    assert counts == ["2", "6", "1", "3"]


def test_the_summary_adds_up(app: Flask, base: Path) -> None:
    lines = {line.what: line.how_many for line in summary_lines(get_source(app).summary)}
    assert lines["Steps"] == "175, all new"
    parts = ("in the base's database", *(what for what in lines if what.startswith("recovered")))
    assert sum(int(lines[what]) for what in parts) == 175
    assert lines["ambiguous: of which run cannot be told"] == "0"


def test_what_was_not_all_good_is_a_warning() -> None:
    summary = {
        "steps": {"kept_out": {"no id": 2}, "not_placed": {"ambiguous": 3}},
        "damaged_lines": 1,
        "notes": ["No workspaces were found."],
    }
    assert warnings_of(summary) == [
        "Kept out: 2, no id.",
        "1 line of the logs could not be read.",
        "No workspaces were found.",
    ]
    assert warnings_of(None) == []
    assert summary_lines(None) == []


def test_markup_in_a_base_is_shown_as_text(app: Flask, signed_in: FlaskClient) -> None:
    make_source(app, "<script>alert(1)</script>")
    change_source(app, import_error="<b>no\x1b[31m</b>", path="/<i>/x")
    page = cards(signed_in)
    assert not re.search(r"<script>alert|<b>no|<i>", page)


def test_a_base_is_imported_again_by_another_process(
    app: Flask, signed_in: FlaskClient, base: Path
) -> None:
    before = get_source(app)
    response = signed_in.post("/sources/1/import")
    assert (response.status_code, response.location) == (303, "/sources")
    after = wait_for_the_end(app)
    assert after.import_error == ""
    assert after.imported_at and before.imported_at and after.imported_at > before.imported_at
    assert (after.name, after.path) == ("mine", before.path)
    assert "175, all as they were" in cards(signed_in)
    wait_until(lambda: not children())


def test_the_demo_is_imported_again_as_the_demo(
    app: Flask, signed_in: FlaskClient, demo: None
) -> None:
    before = get_source(app)
    signed_in.post("/sources/1/import")
    after = wait_for_the_end(app)
    assert after.import_error == ""
    assert (after.path, after.moved_to) == (before.path, before.moved_to)
    assert "175, all as they were" in cards(signed_in)


def test_while_it_goes_on_the_page_asks_for_its_state(
    app: Flask, signed_in: FlaskClient, base: Path
) -> None:
    change_source(app, import_began_at=utc_now() - timedelta(seconds=12))
    page = cards(signed_in)
    assert "importing" in page and re.search(r"for 1[23] s", page)
    assert 'hx-get="/sources/1/state" hx-trigger="every 1s"' in page
    assert "Import again" not in page
    state = signed_in.get("/sources/1/state").text
    assert "<!doctype" not in state
    assert "hx-trigger" in state and "hx-swap-oob" not in state
    change_source(app, import_began_at=None)
    state = signed_in.get("/sources/1/state").text
    assert "hx-trigger" not in state and "Import again" in state
    assert 'id="source-1-facts" hx-swap-oob="true"' in state
    assert "mine: the import has ended" in state


def test_a_second_click_is_refused(app: Flask, signed_in: FlaskClient, base: Path) -> None:
    change_source(app, import_began_at=utc_now())
    response = signed_in.post("/sources/1/import")
    assert response.status_code == 409
    assert "mine is being imported already; wait until that has ended." in response.text
    assert not children()


def test_of_two_at_once_one_begins(app: Flask, base: Path) -> None:
    with app.app_context():
        assert claim_import(1)
        assert claim_import(1) is None


def test_a_base_that_is_gone_says_so(app: Flask, signed_in: FlaskClient, base: Path) -> None:
    shutil.rmtree(base / "base")
    page = cards(signed_in)
    assert ">gone<" in page.replace("</svg>", ">")
    assert "Import again" not in page
    assert ".venv/bin/flask import osmedeus /path/to/osmedeus-base --name mine" in page
    response = signed_in.post("/sources/1/import")
    assert response.status_code == 409
    assert f"{base / 'base' / 'database-osm.sqlite'} is gone" in response.text
    assert get_source(app).import_began_at is None


def test_a_path_that_cannot_be_looked_at_is_gone(app: Flask, signed_in: FlaskClient) -> None:
    """The system refuses so long a name as it does a folder that others may not enter."""
    make_source(app)
    for changes in ({}, {"moved_to": utc_now(), "name": "demo"}):
        change_source(app, path="/" + "x" * 300, **changes)
        assert signed_in.get("/sources").status_code == 200
        assert signed_in.get("/sources/1/state").status_code == 200


def test_what_goes_wrong_stands_there_in_words(
    app: Flask, signed_in: FlaskClient, base: Path
) -> None:
    database = base / "base" / "database-osm.sqlite"
    database.chmod(0o644)
    database.write_text("no database at all")
    signed_in.post("/sources/1/import")
    assert wait_for_the_end(app).import_error == f"{database} is not a SQLite database."
    assert f"{database} is not a SQLite database." in cards(signed_in)
    assert "is not a SQLite database." in signed_in.get("/sources/1/state").text


def test_an_import_by_hand_takes_an_old_error_away(app: Flask, base: Path) -> None:
    change_source(app, import_error="It went wrong.")
    with app.app_context():
        import_base(base / "base", name="mine")
    assert get_source(app).import_error == ""


def test_a_process_that_was_killed_is_told(
    app: Flask, signed_in: FlaskClient, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    signed_in.post("/sources/1/import")
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    error = wait_for_the_end(app).import_error
    assert error == "The import was ended from outside (SIGKILL)."
    assert "Import again" in cards(signed_in)
    assert "the import of source 1: -9" in caplog.text
    assert not children()


def test_one_of_which_nothing_is_heard_is_given_up(
    app: Flask, signed_in: FlaskClient, base: Path
) -> None:
    """Its worker was stopped too, and so nobody has seen it die."""
    change_source(app, import_began_at=utc_now() - GIVEN_UP_AFTER - timedelta(seconds=1))
    page = cards(signed_in)
    assert "has not ended: it was probably killed" in page
    assert "hx-trigger" not in page.partition('class="source-state"')[2]
    assert signed_in.post("/sources/1/import").status_code == 303
    assert wait_for_the_end(app).import_error == ""


def test_what_is_pushed_cannot_be_imported_again(app: Flask, signed_in: FlaskClient) -> None:
    make_source(app)
    change_source(app, kind="pushed", path="")
    assert "Import again" not in cards(signed_in)
    assert signed_in.post("/sources/1/import").status_code == 409


@pytest.mark.parametrize("number", [99, 2**31, 2**62])
def test_a_source_that_is_not_there_is_404(signed_in: FlaskClient, number: int) -> None:
    assert signed_in.get(f"/sources/{number}/state").status_code == 404
    assert signed_in.post(f"/sources/{number}/import").status_code == 404


def test_a_known_base_is_imported_by_its_name(app: Flask, base: Path) -> None:
    result = run(app, "import", "mine")
    assert result.exit_code == 0
    assert "175 (0 new, 0 changed, 175 as they were)" in result.stdout
    assert get_source(app).import_began_at is None
    assert run(app, "list").stdout.startswith("mine\tosmedeus\timported ")
    assert "There is no base yours;" in run(app, "import", "yours").stderr
    change_source(app, import_began_at=utc_now())
    assert "mine is being imported already." in run(app, "import", "mine").stderr
    assert run(app, "list").stdout.startswith("mine\tosmedeus\timporting for ")


def test_the_page_takes_a_fixed_number_of_statements(app: Flask, signed_in: FlaskClient) -> None:
    for n in range(5):
        make_source(app, f"base {n}")
    with collected_statements(app) as statements:
        cards(signed_in)
    # The user, the sources, what they hold, and two of the running runs' count.
    assert len(statements) <= 5, statements
