"""The page of runs that were started together, and how the lists lead to it."""

import html
import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.models import RunStatus, StepStatus
from webapp.queries.run_groups import get_run_group

from .data import START, make_run, make_step, write
from .statements import collected_statements

GROUP = "b56d3aa8"
HOSTILE = "name with <b>markup</b> & 'quotes'"


@pytest.fixture
def groups(app: Flask) -> None:
    """Write a group of three runs, one of which failed, a second group, and a run of none."""

    def in_group(key: str, group: str, second: int, **changes: object) -> object:
        started_at = START + timedelta(seconds=second)
        ended_at = started_at + timedelta(seconds=5)
        times = {"started_at": started_at, "completed_at": ended_at, "updated_at": ended_at}
        return make_run(key, run_group_id=group, **{**times, "target": key, **changes})

    runs = [
        in_group("one", GROUP, 0),
        in_group("two", GROUP, 3),
        in_group(HOSTILE, GROUP, 4, status=RunStatus.FAILED, error="exit 7"),
        in_group("waits", "open", 1),
        in_group("queued", "open", 2, status=RunStatus.QUEUED, started_at=None, completed_at=None),
        make_run("alone"),
    ]
    steps = [make_step(run_id, n) for run_id in (1, 2, 3) for n in (1, 2)]
    failed = make_step(3, 3, status=StepStatus.FAILED, error="exit 7", output="")
    write(app, runs, [*steps, failed])


@pytest.mark.usefixtures("groups")
def test_a_group_is_summed_up(app: Flask) -> None:
    with app.app_context(), collected_statements(app) as statements:
        group = get_run_group(GROUP)
    assert len(statements) == 2
    assert group.run_tally == [("completed", 2), ("failed", 1)]
    assert group.step_tally == [("completed", 6), ("failed", 1)]
    assert (group.n_runs, group.n_steps, group.n_targets) == (3, 7, 3)
    assert group.started_at == START
    assert group.completed_at == START + timedelta(seconds=9)
    assert (group.wall_ms, group.sum_ms) == (9_000, 15_000)
    assert set(group.targets) == {"one", "two", HOSTILE}


@pytest.mark.usefixtures("groups")
def test_a_group_of_which_a_run_waits_has_not_ended(app: Flask, signed_in: FlaskClient) -> None:
    with app.app_context():
        group = get_run_group("open")
    assert (group.completed_at, group.wall_ms, group.sum_ms) == (None, None, 5_000)
    assert "<dt>last end</dt><dd>not yet</dd>" in signed_in.get("/run-groups/open").text


@pytest.mark.usefixtures("groups")
def test_its_page_has_its_runs_and_no_others(signed_in: FlaskClient) -> None:
    page = signed_in.get(f"/run-groups/{GROUP}").text
    assert re.findall(r'name"><a href="/runs/(\d+)"', page) == ["1", "2", "3"]
    assert 'href="/steps?status=failed&amp;run_id=3"' in page
    assert 'aria-label="2 ok, 1 failed"' in page
    assert "<b>markup" not in page
    assert "<dt>from start to end</dt><dd>9.0 s</dd>" in page


@pytest.mark.usefixtures("groups")
def test_its_numbers_link_to_lists_of_as_many_rows(signed_in: FlaskClient) -> None:
    page = html.unescape(signed_in.get(f"/run-groups/{GROUP}").text)
    counted = re.findall(r'href="(/runs\?[^"]*)">(\d+)[ <]', page)
    assert len(counted) == 3
    for address, n in counted:
        assert f"–{n} of {n}</span>" in signed_in.get(address).text


@pytest.mark.usefixtures("groups")
def test_its_page_and_its_json_agree(signed_in: FlaskClient) -> None:
    page = signed_in.get(f"/run-groups/{GROUP}").text
    found = re.search(r'<link rel="alternate" type="application/json" href="([^"]+)">', page)
    assert found
    rows = signed_in.get(html.unescape(found[1])).get_json()["data"]
    assert [row["id"] for row in rows] == [1, 2, 3]


@pytest.mark.usefixtures("groups")
def test_a_run_of_a_group_links_it_and_any_other_does_not(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs").text
    assert page.count(f'href="/run-groups/{GROUP}"') == 3
    assert page.count('href="/run-groups/') == 5


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("group", ["nope", "%00", "%25", "x" * 300])
def test_there_is_no_page_of_no_group(signed_in: FlaskClient, group: str) -> None:
    response = signed_in.get(f"/run-groups/{group}")
    assert response.status_code == 404
    assert "There is no group of runs" in response.text


@pytest.mark.usefixtures("groups")
def test_a_page_beyond_the_last_run_leads_back(signed_in: FlaskClient) -> None:
    page = signed_in.get(f"/run-groups/{GROUP}?offset=100&x=1").text
    assert "There is no run so far down." in page
    assert "x: unknown parameter" in page
