"""How lists go over the wire: some fields, cursors, links, and pages that are sent by pieces."""

import re
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from operator import itemgetter
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.api.json import RUN_KEYS, STEP_KEYS, STEP_OF_RUN_KEYS, dumps
from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.models import StepStatus
from webapp.places import _EXTENSION
from webapp.queries.sqlite_json import write_steps
from webapp.queries.steps import write_steps_page
from webapp.queries.wire import LONG_BYTES, PART_CHARACTERS, SLICE_ROWS
from webapp.streams import Stream, StreamCutError

from .conftest import make_app
from .data import START, make_run, make_source, make_step, write
from .statements import collected_statements

STEPS = "/osm/api/step-results"
# Of several parts, of characters of all widths and with some that JSON escapes; some 2 MB.
LONG_OUTPUT = 'a"\\\n\x1b\x7fé€😀\u2028' * (PART_CHARACTERS // 2)
N_STEPS = 2 * SLICE_ROWS + 7


def write_many(app: Flask, n: int = N_STEPS, source_id: int | None = None, first: int = 1) -> int:
    """Write so many steps of one run, every seventh failed, and return the number of the run."""
    source_id = source_id or make_source(app)
    run_id = write(app, [make_run()], source_id=source_id)["run-1"]
    steps = [
        make_step(run_id, k, status=StepStatus.COMPLETED if k % 7 else StepStatus.FAILED)
        for k in range(first, first + n)
    ]
    write(app, [], steps, source_id=source_id)
    return run_id


def get(api: FlaskClient, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.text
    return orjson.loads(response.data)


def refusal(api: FlaskClient, path: str) -> str:
    response = api.get(path)
    assert response.status_code == 400, response.text
    return str(response.json["message"])


def links_of(response: Any) -> dict[str, str]:
    """Return the addresses of a Link header by what they lead to."""
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', response.headers.get("Link", ""))
    return {rel: address for address, rel in found}


# Fields


def test_only_the_fields_asked_for_come_in_the_documented_order(
    app: Flask, api: FlaskClient
) -> None:
    write_many(app, 3)
    some = (("status", "id"), ("output",), ("updated_at", "output", "command"), STEP_KEYS)
    for path, asked in product((STEPS, "/osm/api/runs/1/steps"), some):
        keys = STEP_KEYS if path == STEPS else STEP_OF_RUN_KEYS
        whole = get(api, path)
        answer = get(api, f"{path}?fields={','.join(asked)}")
        ordered = [key for key in keys if key in asked]
        assert answer["data"] == [{key: row[key] for key in ordered} for row in whole["data"]]
        assert [list(row) for row in answer["data"]] == [ordered] * 3
        assert answer["pagination"] == whole["pagination"]


@pytest.mark.parametrize("sort", ["-started_at", "duration_ms", "step_name", "-id"])
def test_fields_need_no_id_in_any_order(app: Flask, api: FlaskClient, sort: str) -> None:
    write_many(app, 3)
    whole = get(api, f"{STEPS}?sort={sort}")["data"]
    some = get(api, f"{STEPS}?sort={sort}&fields=step_name")["data"]
    assert some == [{"step_name": row["step_name"]} for row in whole]


@pytest.mark.parametrize(
    "path", [STEPS, f"{STEPS}?run_id=1", f"{STEPS}?sort=started_at", "/osm/api/runs/1/steps"]
)
def test_an_offset_beyond_everything_leads_to_an_empty_page(
    app: Flask, api: FlaskClient, path: str
) -> None:
    write_many(app, 3)
    mark = "&" if "?" in path else "?"
    for offset in (2**31, 2**63 - 1):
        answer = get(api, f"{path}{mark}offset={offset}")
        assert (answer["data"], answer["pagination"]["total"]) == ([], 3)


def test_an_output_that_is_not_asked_for_is_not_read(app: Flask, api: FlaskClient) -> None:
    write_many(app, 3)
    for query in ("fields=id,status,run_uuid", f"fields=id&limit={SLICE_ROWS + 1}"):
        path = "/osm/api/runs/1/steps" if "uuid" in query else STEPS
        with collected_statements(app) as statements:
            get(api, f"{path}?{query}")
        assert not any(re.search(r"\boutput\b|\bcommand\b", one) for one in statements)


def test_bad_fields_are_refused(app: Flask, api: FlaskClient) -> None:
    for query, says in (
        ("fields=id,name", "fields: 'name' is not allowed; allowed are id, run_id, step_name"),
        ("fields=", "fields: '' is not allowed; allowed are id"),
        ("fields=id,,status", "fields: '' is not allowed"),
        ("fields=id,status,id", "fields: 'id' must be named once."),
        ("fields=id&fields=status", "fields: must be given once"),
        ("fields=exports", "fields: 'exports' is not allowed"),
    ):
        assert refusal(api, f"{STEPS}?{query}").startswith(says)


# Pages by pieces


def test_a_large_page_in_another_order_than_that_of_ids(app: Flask, api: FlaskClient) -> None:
    """Ids that begin and end like a whole range, in another order or with one from outside."""
    source_id = make_source(app)
    run_id = write(app, [make_run()], source_id=source_id)["run-1"]
    n = SLICE_ROWS + 50
    steps = [
        make_step(run_id, k, status=StepStatus.FAILED, duration_ms=k if k <= n else 40)
        for k in range(1, n + 31)
    ]
    # Two change places; one that did not fail stands where one from far away would.
    steps[6], steps[7] = (
        make_step(run_id, 7, status=StepStatus.FAILED, duration_ms=8),
        make_step(run_id, 8, status=StepStatus.FAILED, duration_ms=7),
    )
    steps[39] = make_step(run_id, 40, duration_ms=40)
    write(app, [], steps, source_id=source_id)
    for query in ("sort=duration_ms", "sort=-duration_ms", "status=failed&sort=duration_ms"):
        large = [row["id"] for row in get(api, f"{STEPS}?{query}&limit=10000")["data"]]
        small = [
            row["id"]
            for offset in range(0, len(large), 100)
            for row in get(api, f"{STEPS}?{query}&limit=100&offset={offset}")["data"]
        ]
        assert large == small and len(large) > SLICE_ROWS, query


# What JSON escapes, what it might, what ends as a time does, and characters of all widths.
ODD_TEXTS = (
    "".join(map(chr, range(1, 0x80))),
    '"\\"\\\\/\\u0041\x1b[31mred\x1b[0m\r\n\t',
    '","started_at":"2026-11-20T10:00:00.000000',
    "2026-11-20T10:00:00.000000Z",
    "é€😀\u2028\u2029\ufeff\x7f\x85",
    "",
)


def test_a_large_page_says_odd_texts_as_a_small_one_does(app: Flask, api: FlaskClient) -> None:
    source_id = make_source(app)
    run_id = write(app, [make_run()], source_id=source_id)["run-1"]
    odd = [
        make_step(run_id, n, output=text, error=text, command=text, step_name=text)
        for n, text in enumerate(ODD_TEXTS, start=1)
    ]
    last = len(odd) + SLICE_ROWS
    rest = [make_step(run_id, n, started_at=None) for n in range(len(odd) + 1, last + 1)]
    write(app, [], [*odd, *rest], source_id=source_id)
    for order in ("id", "-id", "-duration_ms"):
        large = get(api, f"{STEPS}?sort={order}&limit=10000")["data"]
        assert {row["id"] for row in large} == set(range(1, last + 1))
        small = [get(api, f"{STEPS}/{row['id']}") for row in large if row["id"] <= len(odd) + 1]
        assert len(large) == last
        told = [{key: row[key] for key in STEP_KEYS} for row in small]
        assert [row for row in large if row["id"] <= len(odd) + 1] == told
    told.sort(key=itemgetter("id"))
    few = f"{STEPS}?limit={len(told)}"
    for page in (few, f"{few}&cursor="):
        assert get(api, page)["data"] == told
    with app.app_context():
        first = StepFilters(limit=len(told))
        written = write_steps_page(first, STEP_KEYS)
        if db.engine.dialect.name == "postgresql":
            assert written is None
            return
        backwards = replace(first, sort="-id", offset=last - len(told))
        for page_of, rows in (
            (written, told),
            (write_steps_page(backwards, STEP_KEYS), told[::-1]),
        ):
            assert page_of is not None and page_of.objects == [dumps(row) for row in rows]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_ids_that_lie_far_apart_take_no_more_memory(app: Flask) -> None:
    """Those of ten million steps by duration were compared with all between: 370 MB, and 3 s."""
    write_many(app, 3)
    far = [3, 2, 4_000_000]
    with app.app_context(), db.engine.connect() as connection:
        tracemalloc.start()
        try:
            text = write_steps(connection, ("id",), far)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert text == b'{"id":3},{"id":2}'
        assert peak < 5_000_000


def test_a_large_page_is_the_same_by_pieces(app: Flask, api: FlaskClient) -> None:
    """Byte for byte what small pages say, in each order, also of a run, also compressed."""
    run_id = write_many(app)
    of_run = f"/osm/api/runs/{run_id}/steps?"
    queries = (f"{STEPS}?", f"{STEPS}?sort=-id&", f"{STEPS}?sort=step_name&status=!failed&", of_run)
    for start in queries:
        response = api.get(f"{start}limit=10000")
        assert response.content_length is None
        total = orjson.loads(response.data)["pagination"]["total"]
        assert total > 2 * SLICE_ROWS * 0.8
        rows = b""
        for offset in range(0, total, 100):
            small = api.get(f"{start}limit=100&offset={offset}")
            assert small.content_length == len(small.data)
            rows += b"," * bool(rows) + re.sub(b'],"pagination.*\n', b"", small.data)[9:]
        tail = b'],"pagination":{"total":%d,"offset":0,"limit":10000}}\n' % total
        assert response.data == b'{"data":[' + rows + tail


def test_long_outputs_come_whole(app: Flask, api: FlaskClient) -> None:
    """A few of them in one answer, many by pieces; alone, first and last among the keys."""
    source_id = make_source(app)
    run_id = write(app, [make_run()], source_id=source_id)["run-1"]
    outputs = [LONG_OUTPUT, "x" * LONG_BYTES, "", "x" * (LONG_BYTES + 1), LONG_OUTPUT, "end"]
    steps = [make_step(run_id, n, output=text) for n, text in enumerate(outputs, start=1)]
    write(app, [], steps, source_id=source_id)
    for fields in (STEP_KEYS, ("output",), ("id", "output"), ("output", "error")):
        for limit, is_streamed in ((6, True), (4, False)):
            path = f"{STEPS}?limit={limit}&fields={','.join(fields)}"
            response = api.get(path)
            assert (response.content_length is None) == is_streamed, path
            data = orjson.loads(response.data)["data"]
            assert [row["output"] for row in data] == outputs[:limit]
            assert {tuple(row) for row in data} == {fields}


def test_every_character_is_sent_alike_by_pieces_and_at_once(app: Flask, api: FlaskClient) -> None:
    """Also what JSON escapes, and times as the database keeps them."""
    source_id = make_source(app)
    run_id = write_many(app, source_id=source_id)
    some = "".join(map(chr, (*range(1, 0x3000), *range(0xE000, 0x10100), 0x1F600, 0x10FFFF)))
    texts = {name: some for name in ("output", "command", "error")}
    odd = [
        make_step(run_id, 1, **texts),
        make_step(run_id, 2, started_at=None, completed_at=None, status=StepStatus.PENDING),
        make_step(run_id, 3, completed_at=START.replace(microsecond=1), duration_ms=2**53),
    ]
    write(app, [], odd, source_id=source_id)
    small = api.get(f"{STEPS}?limit=3").data.partition(b'],"pagination"')[0]
    assert api.get(f"{STEPS}?limit=10000").data.startswith(small + b",")


def test_many_runs_come_by_pieces(app: Flask, api: FlaskClient) -> None:
    write(app, [make_run(f"run-{n}", params={"n": n}) for n in range(SLICE_ROWS + 3)])
    response = api.get("/osm/api/runs?limit=10000")
    assert response.content_length is None
    rows = orjson.loads(response.data)["data"]
    assert [row["id"] for row in rows] == list(range(SLICE_ROWS + 3, 0, -1))
    assert rows[5] == get(api, f"/osm/api/runs/{rows[5]['id']}")
    assert {tuple(row) for row in rows} == {RUN_KEYS}


def test_what_is_written_meanwhile_is_not_in_a_page(app: Flask, api: FlaskClient) -> None:
    """All of a page, its total too, is one moment."""
    source_id = make_source(app)
    write_many(app, source_id=source_id)
    response = api.get(f"{STEPS}?limit=10000", buffered=False)
    pieces = response.iter_encoded()
    body = next(pieces) + next(pieces)
    changed = [make_step(1, n, output="changed") for n in (1, N_STEPS)]
    write(app, [], changed, source_id=source_id)
    write_many(app, 5, source_id=source_id, first=N_STEPS + 1)
    answer = orjson.loads(body + b"".join(pieces))
    assert answer["pagination"]["total"] == len(answer["data"]) == N_STEPS
    assert not any(row["output"] == "changed" for row in answer["data"])
    assert get(api, f"{STEPS}?limit=1")["data"][0]["output"] == "changed"


def free_places(app: Flask) -> tuple[int, int, int]:
    """Return how many places are free, how many of those for streams, and the used connections."""
    kept = app.extensions[_EXTENSION]
    with app.app_context():
        return kept.all._value, kept.of_streams._value, db.engine.pool.checkedout()  # type: ignore[attr-defined]


def test_a_page_that_is_not_taken_to_its_end_gives_all_back(app: Flask, api: FlaskClient) -> None:
    write_many(app)
    before = free_places(app)
    response = api.get(f"{STEPS}?limit=10000", buffered=False)
    next(response.iter_encoded())
    during = free_places(app)
    assert during == (before[0] - 1, before[1] - 1, before[2] + 1)
    response.close()
    assert free_places(app) == before
    assert api.head(f"{STEPS}?limit=10000").status_code == 200
    assert free_places(app) == before


def test_who_finds_no_place_for_a_large_page_is_told_to_come_again(
    database_url: str, app: Flask, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.places.STREAM_WAIT_S", 0.05)
    write_many(app)
    small = make_app(database_url, pool_size=4)
    api = small.test_client()
    api.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    first = api.get(f"{STEPS}?limit=10000", buffered=False)
    refused = api.get(f"{STEPS}?limit=10000")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert refused.json["message"] == "Too many large pages are being sent."
    assert api.get(STEPS).status_code == 200
    first.close()
    # Read to its end: else it keeps its connection until Python finds that nobody has it.
    assert api.get(f"{STEPS}?limit=10000").json["data"]
    with small.app_context():
        db.engine.dispose()


def test_a_reader_who_takes_nothing_is_cut_off() -> None:
    freed = threading.Event()

    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x"

    stream = Stream(pieces(), freed.set, grace_s=0.05)
    assert next(stream) == b"x"
    assert freed.wait(10)
    with pytest.raises(StreamCutError, match="taken too slowly"):
        next(stream)
    stream.close()


def test_a_reader_who_takes_enough_is_not() -> None:
    freed: list[bool] = []
    stream = Stream(iter([b"x" * 50_000_000, b"y"]), lambda: freed.append(True), grace_s=0.02)
    assert len(next(stream)) == 50_000_000
    time.sleep(0.1)
    assert next(stream) == b"y"
    assert freed == []
    with pytest.raises(StopIteration):
        next(stream)
    stream.close()
    assert freed == [True]


# Cursors


def walk(api: FlaskClient, path: str, limit: int) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list from cursor to cursor."""
    cursor: str | None = ""
    while cursor is not None:
        page = get(api, f"{path}limit={limit}&cursor={cursor}")
        yield page
        cursor = page["pagination"]["next_cursor"]


def test_by_cursors_each_row_comes_once(app: Flask, api: FlaskClient) -> None:
    write_many(app, 30)
    queries = ("", "sort=-id&", "status=failed&", "sort=-id&status=!failed&", "step_name=step-1&")
    for query, limit in product(queries, (1, 7, 30)):
        expected = [row["id"] for row in get(api, f"{STEPS}?{query}limit=100")["data"]]
        pages = list(walk(api, f"{STEPS}?{query}", limit))
        assert [row["id"] for page in pages for row in page["data"]] == expected
        assert len(pages) == -(-len(expected) // limit)
        assert {page["pagination"]["total"] for page in pages} == {len(expected)}
        assert {page["pagination"]["offset"] for page in pages} == {0}


def test_by_cursors_each_row_comes_once_while_rows_are_added(app: Flask, api: FlaskClient) -> None:
    source_id = make_source(app)
    write_many(app, 20, source_id=source_id)
    seen: list[int] = []
    for number, page in enumerate(walk(api, f"{STEPS}?", 6)):
        seen += [row["id"] for row in page["data"]]
        if number < 3:
            write_many(app, 5, source_id=source_id, first=100 + 10 * number)
    assert seen == list(range(1, 36))


def test_a_cursor_leads_through_large_pages_and_through_runs(app: Flask, api: FlaskClient) -> None:
    write_many(app)
    pages = list(walk(api, f"{STEPS}?fields=id&", SLICE_ROWS + 1))
    ids = [row["id"] for page in pages for row in page["data"]]
    assert ids == list(range(1, N_STEPS + 1)) and len(pages) == 3 - (N_STEPS <= 2 * SLICE_ROWS + 2)
    write(app, [make_run(f"more-{n}") for n in range(4)], source_id=make_source(app, "more"))
    runs = [[run["id"] for run in page["data"]] for page in walk(api, "/osm/api/runs?", 2)]
    assert runs == [[5, 4], [3, 2], [1]]


def test_the_next_cursor_comes_only_when_asked_for(app: Flask, api: FlaskClient) -> None:
    write_many(app, 3)
    assert list(get(api, f"{STEPS}?limit=2")["pagination"]) == ["total", "offset", "limit"]
    with_cursor = get(api, f"{STEPS}?limit=2&cursor=")["pagination"]
    assert list(with_cursor) == ["total", "offset", "limit", "next_cursor"]
    assert get(api, f"{STEPS}?limit=3&cursor=")["pagination"]["next_cursor"] is None


def test_a_cursor_that_does_not_fit_is_refused(app: Flask, api: FlaskClient) -> None:
    write_many(app, 9)
    cursor = get(api, f"{STEPS}?limit=1&cursor=")["pagination"]["next_cursor"]
    assert get(api, f"{STEPS}?limit=5&fields=id&cursor={cursor}")["data"][0]["id"] == 2
    assert refusal(api, f"/osm/api/runs?cursor={cursor}").startswith("cursor: this is none")
    for query, says in (
        ("cursor={}&status=failed", "cursor: this is none that was given for these filters"),
        ("cursor={}&sort=-id", "cursor: this is none that was given for these filters"),
        ("cursor={}x", "cursor: this is none that was given for these filters"),
        ("cursor=junk", "cursor: this is none that was given for these filters"),
        ("cursor=a%20b", "cursor: this is none that was given for these filters"),
        ("cursor=%00", "cursor: this is none that was given for these filters"),
        ("cursor={}&cursor=", "cursor: must be given once"),
        (
            "cursor={}&sort=started_at",
            "cursor: goes by the id alone; allowed beside it are sort=id",
        ),
        ("cursor=&sort=-step_name", "cursor: goes by the id alone"),
        ("cursor={}&offset=1", "cursor: must not be given beside an offset"),
        ("cursor={}&limit=0", "cursor: leads nowhere with limit=0"),
    ):
        assert refusal(api, f"{STEPS}?{query.format(cursor)}").startswith(says)


# Links


def test_links_lead_to_the_other_pages(app: Flask, api: FlaskClient) -> None:
    write_many(app, 49)
    start = f"{STEPS}?status=%21failed&status=!running&limit=10"
    assert links_of(api.get(start)) == {
        "next": f"{STEPS}?status=%21failed&status=%21running&limit=10&offset=10",
        "first": f"{STEPS}?status=%21failed&status=%21running&limit=10&offset=0",
        "last": f"{STEPS}?status=%21failed&status=%21running&limit=10&offset=40",
    }
    ids: list[int] = []
    address: str | None = start
    while address:
        response = api.get(address)
        ids += [row["id"] for row in orjson.loads(response.data)["data"]]
        address = links_of(response).get("next")
    assert ids == [n for n in range(1, 50) if n % 7]
    assert links_of(api.get(f"{STEPS}?limit=10&offset=15"))["prev"].endswith("limit=10&offset=5")
    assert links_of(api.get(f"{STEPS}?limit=10&offset=5"))["prev"].endswith("limit=10&offset=0")
    assert links_of(api.get(f"{STEPS}?limit=10&offset=900"))["prev"].endswith("limit=10&offset=40")


def test_every_list_has_links(app: Flask, api: FlaskClient) -> None:
    write_many(app, 3)
    for path in (
        *(STEPS, "/osm/api/runs", "/osm/api/runs/1/steps", "/osm/api/runs/run-1/artifacts"),
        *("/osm/api/workspace-names", "/osm/api/sources", "/osm/api/audit-events"),
    ):
        links = links_of(api.get(f"{path}?limit=1"))
        assert links["first"] == f"{path}?limit=1&offset=0"
        assert links["last"].startswith(f"{path}?limit=1&offset=")
        assert "Link" not in api.get(f"{path}?limit=0").headers


def test_by_a_cursor_only_the_next_page_is_linked(app: Flask, api: FlaskClient) -> None:
    write_many(app, 3)
    first = api.get(f"{STEPS}?limit=2&cursor=")
    assert list(links_of(first)) == ["next"]
    second = api.get(links_of(first)["next"])
    assert [row["id"] for row in orjson.loads(second.data)["data"]] == [3]
    assert "Link" not in second.headers


def test_links_have_the_prefix_and_are_left_out_where_they_are_too_long(
    app: Flask, api: FlaskClient
) -> None:
    write_many(app, 3)
    under = api.get(f"{STEPS}?limit=1", environ_overrides={"SCRIPT_NAME": "/steps board"})
    assert links_of(under)["next"] == f"/steps%20board{STEPS}?limit=1&offset=1"
    long = api.get(f"{STEPS}?limit=1&status=!failed&workflow_name=!{'x' * 1_700}")
    assert list(links_of(long)) == ["next"]
    assert "Link" not in api.get(f"{STEPS}?workspace={'x' * 3_000}").headers
