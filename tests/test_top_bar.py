"""The top bar of every page: what is running, and who is signed in."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.models import RunStatus

from .data import make_run, write
from .statements import collected_statements


def write_running(app: Flask, *silent_for: timedelta) -> None:
    now = utc_now()
    runs = [
        make_run(str(n), status=RunStatus.RUNNING, completed_at=None, updated_at=now - silence)
        for n, silence in enumerate(silent_for)
    ]
    write(app, [make_run("done"), *runs])


def bar_of(client: FlaskClient, path: str = "/runs") -> str:
    return client.get(path).text.split("</header>")[0].split('class="running')[1]


def test_it_counts_the_rows_of_the_list_that_it_links(app: Flask, signed_in: FlaskClient) -> None:
    write_running(app, timedelta(minutes=1), timedelta(hours=23), timedelta(hours=25))
    bar = bar_of(signed_in)
    assert 'href="/runs?status=running"' in bar
    assert 'title="3 running, 1 of them without a sign of life for a day"' in bar
    assert '3<span class="word"> running, 1 silent</span>' in bar
    answer = signed_in.get("/osm/api/runs?status=running").json
    assert answer and answer["pagination"]["total"] == 3


def test_its_dot_is_hollow_when_nothing_gives_a_sign(app: Flask, signed_in: FlaskClient) -> None:
    assert bar_of(signed_in).startswith(' none"')
    write_running(app, timedelta(days=3))
    assert bar_of(signed_in).startswith(' none"')


def test_its_dot_is_full_when_something_does(app: Flask, signed_in: FlaskClient) -> None:
    write_running(app, timedelta(days=3), timedelta(seconds=3))
    assert bar_of(signed_in).startswith('"')


def test_it_asks_once_for_what_is_running(app: Flask, signed_in: FlaskClient) -> None:
    with collected_statements(app) as statements:
        signed_in.get("/nowhere")
    assert len(statements) == 2, statements  # who is signed in, what is running
