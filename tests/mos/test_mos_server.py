"""The server as browsers meet it, and as others would like to."""

import json
import random
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from urllib.request import urlopen

import pytest

import studies
from sr_cli.errors import DataError
from sr_cli.mos import server as server_module
from sr_cli.mos import store as store_module
from sr_cli.mos.exports import as_export
from sr_cli.mos.server import StudyServer
from sr_cli.mos.store import Store, read_records
from studies import Visitor, serving


@pytest.fixture
def running(made):
    """A server in this process: its study, its store and its port."""
    folder, study = made
    store = Store(folder / "ratings.sqlite", study)
    with StudyServer(folder, study, store, ("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield study, store, server.port
        server.shutdown()
        thread.join()
    store.close()


def test_the_page_names_nothing_and_has_all_it_needs(running):
    study, _, port = running
    status, page = Visitor(port).send("GET", "/")
    assert status == 200
    for secret in (*study.items, "nearest", "bicubic", "mine", "http:", "https:"):
        assert secret.encode() not in page


def test_pictures_come_by_their_names(running, made):
    study, _, port = running
    visitor = Visitor(port)
    for item in study.items:
        status, content = visitor.send("GET", f"/pictures/{item}.png")
        path = made[0] / "public" / "pictures" / f"{item}.png"
        assert (status, content) == (200, path.read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        "/key.json",
        "/study.json",
        "/ratings.sqlite",
        "/pictures/../key.json",
        "/pictures/..%2f..%2fkey.json",
        "/pictures/%2e%2e/%2e%2e/key.json",
        "/pictures/..\\..\\key.json",
        "//etc/passwd",
        "/pictures/",
        "/pictures/0.png",
        "/?token=1",
        "/api/begin",
    ],
)
def test_nothing_else_is_given_away(running, path):
    _, _, port = running
    assert Visitor(port).send("GET", path)[0] == 404


def test_three_raters_at_once_and_a_closed_tab(made):
    folder, study = made
    said = {}

    def rater(number, port):
        choose = random.Random(number)
        visitor = Visitor(port)
        begun = visitor.begin()
        scores = [choose.randint(1, 5) for _ in begun["items"]]
        for position in range(7):
            assert visitor.rate(begun, position, scores[position]) == 200
        # The tab is closed; another one knows the token alone.
        status, resumed = visitor.post("/api/resume", {"token": begun["token"]})
        assert status == 200
        assert resumed["items"] == begun["items"]
        assert resumed["scores"] == scores[:7] + [None] * 13
        for position in range(7, 20):
            assert visitor.rate(begun, position, scores[position]) == 200
        said[begun["rater"]] = (begun["items"], scores)
        return visitor.post("/api/resume", {"token": begun["token"]})[1]

    with serving(folder) as (_, port), ThreadPoolExecutor(3) as pool:
        exports = list(pool.map(rater, range(3), [port] * 3))
    records = read_records(folder / "ratings.sqlite", study)
    assert len(records) == 3
    assert len({record.items for record in records}) == 3
    for record in records:
        assert record.finished
        items, scores = said[record.rater]
        assert (list(record.items), list(record.scores)) == (items, scores)
        assert as_export(record, study) in exports


def test_no_acknowledged_rating_is_lost_when_the_server_is_killed(made):
    folder, study = made
    acknowledged = {}
    enough = threading.Event()
    gate = threading.Barrier(50)

    with serving(folder) as (process, port):
        begun = [Visitor(port).begin() for _ in range(50)]

        def rate(rater):
            visitor = Visitor(port)
            gate.wait()
            for position in range(20):
                try:
                    status = visitor.rate(rater, position, 1 + position % 5)
                except (OSError, HTTPException):
                    return
                assert status == 200
                acknowledged[rater["rater"], position] = 1 + position % 5
                if len(acknowledged) >= 120:
                    enough.set()

        with ThreadPoolExecutor(50) as pool:
            jobs = [pool.submit(rate, rater) for rater in begun]
            assert enough.wait(60)
            process.kill()
            process.wait()
            for job in jobs:
                job.result()
    assert 120 <= len(acknowledged) < 1000
    records = {r.rater: r for r in read_records(folder / "ratings.sqlite", study)}
    for (rater, position), score in acknowledged.items():
        assert records[rater].scores[position] == score

    with serving(folder) as (_, port):  # and everybody goes on
        visitor = Visitor(port)
        status, resumed = visitor.post("/api/resume", {"token": begun[0]["token"]})
        assert status == 200
        assert tuple(resumed["scores"]) == records[begun[0]["rater"]].scores
        open_at = resumed["scores"].index(None)
        assert visitor.rate(begun[0], open_at, 3) == 200


def test_a_score_may_be_changed_and_sent_twice(running):
    _, store, port = running
    visitor = Visitor(port)
    begun = visitor.begin()
    for score in (2, 2, 5):
        assert visitor.rate(begun, 0, score) == 200
    assert store.record(begun["token"]).scores[0] == 5


def test_nothing_personal_is_kept(running, made):
    _, _, port = running
    visitor = Visitor(port)
    begun = visitor.begin()
    visitor.rate(begun, 0, 4)
    content = b"".join(p.read_bytes() for p in made[0].glob("ratings.sqlite*"))
    assert begun["rater"].encode() in content
    assert begun["token"].encode() not in content
    assert b"127.0.0.1" not in content
    base = sqlite3.connect(made[0] / "ratings.sqlite")
    columns = base.execute(
        "SELECT m.name, i.name FROM sqlite_master m, pragma_table_info(m.name) i"
    ).fetchall()
    base.close()
    assert {name for table, name in columns} == {
        *("id", "rater", "items", "position", "score")
    }


GOOD = {"token": "0" * 32, "position": 0, "item": "0" * 16, "score": 3}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 404),  # nobody has that token
        ({"score": 0}, 400),
        ({"score": 6}, 400),
        ({"score": True}, 400),
        ({"score": 3.0}, 400),
        ({"score": "3"}, 400),
        ({"score": None}, 400),
        ({"position": False}, 400),
        ({"position": "0"}, 400),
        ({"position": [0]}, 400),
        ({"item": 7}, 400),
        ({"token": {"$ne": ""}}, 400),
        ({"token": "' OR 1=1 --"}, 404),
        ({"token": "\ud800"}, 404),
        ({"more": 1}, 400),
    ],
)
def test_wrong_values_are_refused(running, change, status):
    _, _, port = running
    assert Visitor(port).post("/api/rate", GOOD | change)[0] == status


@pytest.mark.parametrize("position", [-1, 20, 2**63, -(2**70)])
def test_unknown_positions_and_items_are_refused(running, position):
    study, store, port = running
    visitor = Visitor(port)
    begun = visitor.begin()
    body = {"token": begun["token"], "position": position, "score": 3}
    item = begun["items"][0]
    assert visitor.post("/api/rate", body | {"item": item})[0] == 404
    visitor = Visitor(port)
    other = next(name for name in study.items if name != item)
    body["position"] = 0
    assert visitor.post("/api/rate", body | {"item": other})[0] == 404
    assert set(store.record(begun["token"]).scores) == {None}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"3", b"null", b"{", b"\xff\xfe", b"[" * 1000, b"1" * 1000],
)
def test_bodies_that_are_no_object_are_refused(running, body):
    _, _, port = running
    headers = {"Content-Type": "application/json"}
    for path in ("/api/begin", "/api/resume", "/api/rate"):
        assert Visitor(port).send("POST", path, body, headers)[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_pages_and_names_are_refused(running, headers, status):
    _, _, port = running
    headers = {"Content-Type": "application/json"} | headers
    assert Visitor(port).send("POST", "/api/begin", b"{}", headers)[0] == status


@pytest.mark.parametrize("name", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}", "[::1]"])
def test_our_own_names_are_taken(running, name):
    _, _, port = running
    host = name.format(port)
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert Visitor(port).post("/api/begin", {}, **headers)[0] == 200


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.readline()


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"Content-Length: 1025", b"413"),
        (b"Content-Length: 99999999999999999999", b"413"),
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: 1e3", b"400"),
        (b"Transfer-Encoding: chunked", b"411"),
        (b"X: y", b"411"),
    ],
)
def test_huge_bodies_are_refused_unread(running, length, status):
    _, _, port = running
    head = b"POST /api/rate HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: application/json\r\n" + length + b"\r\n\r\n"
    assert status in raw(port, head)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "\x00\x01"])
def test_other_methods_are_refused(running, method):
    _, _, port = running
    request = f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    assert raw(port, request).split()[1] in (b"400", b"501")
    assert Visitor(port).send("GET", "/")[0] == 200


def test_too_many_raters_are_refused(running, monkeypatch):
    _, _, port = running
    monkeypatch.setattr(store_module, "MAX_RATERS", 2)
    visitor = Visitor(port)
    assert [visitor.post("/api/begin", {})[0] for _ in range(3)] == [200, 200, 503]


def test_one_connection_carries_many_requests(running):
    study, _, port = running
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        for item in study.items:
            connection.request("GET", f"/pictures/{item}.png")
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.read().startswith(b"\x89PNG")


def test_a_full_disk_is_no_acknowledgement(running, made):
    _, store, port = running
    visitor = Visitor(port)
    begun = visitor.begin()
    blocker = sqlite3.connect(made[0] / "ratings.sqlite")
    blocker.execute(
        "CREATE TRIGGER full BEFORE INSERT ON ratings "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    assert visitor.rate(begun, 0, 3) == 503
    blocker.execute("DROP TRIGGER full")
    blocker.close()
    assert store.record(begun["token"]).scores[0] is None
    assert visitor.rate(begun, 0, 3) == 200


def test_missing_pictures_are_told(running, made):
    study, store, port = running
    (made[0] / "public" / "pictures" / f"{study.items[3]}.png").unlink()
    assert Visitor(port).send("GET", f"/pictures/{study.items[3]}.png")[0] == 404
    with pytest.raises(DataError, match=rf"{study.items[3]}.png is missing"):
        StudyServer(*made, store, ("127.0.0.1", 0))


def test_a_picture_that_gets_lost_is_told(made):
    told: list[str] = []
    folder, study = made
    store = Store(folder / "ratings.sqlite", study)
    with StudyServer(folder, study, store, ("127.0.0.1", 0), told.append) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        (folder / "public" / "pictures" / f"{study.items[0]}.png").unlink()
        path = f"/pictures/{study.items[0]}.png"
        assert Visitor(server.port).send("GET", path)[0] == 404
        server.shutdown()
        thread.join()
    store.close()
    assert study.items[0] in told[0]


def test_the_host_that_was_asked_for_is_ours(made):
    folder, study = made
    store = Store(folder / "ratings.sqlite", study)
    with StudyServer(folder, study, store, ("127.1", 0)) as server:  # 127.0.0.1
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        visitor = Visitor(server.port)
        for host, status in (("127.1", 200), ("127.2", 421)):
            headers = {"Host": f"{host}:{server.port}"}
            assert visitor.send("GET", "/", headers=headers)[0] == status
        server.shutdown()
        thread.join()
    store.close()


def test_a_taken_port_is_told(running, made):
    _, store, port = running
    with pytest.raises(DataError, match="--port"):
        StudyServer(*made, store, ("127.0.0.1", port))


def test_the_database_of_another_study_is_refused(running, made, tmp_path):
    _, other = studies.made_study(tmp_path / "other")
    with pytest.raises(DataError, match="another study"):
        Store(made[0] / "ratings.sqlite", other)
    with pytest.raises(DataError, match="another study"):
        read_records(made[0] / "ratings.sqlite", other)
    # Neither refusal made it the other's.
    Store(made[0] / "ratings.sqlite", made[1]).close()


def test_what_is_closed_is_one_file_and_reading_changes_nothing(made):
    folder, study = made
    path = folder / "ratings.sqlite"
    store = Store(path, study)
    token = store.begin()
    store.add(token, 0, store.record(token).items[0], 4)
    store.close()
    before = path.read_bytes()
    (record,) = read_records(path, study)
    assert record.scores[0] == 4
    assert path.read_bytes() == before
    assert [found.name for found in folder.glob("ratings*")] == ["ratings.sqlite"]


def test_two_servers_of_one_study_share_its_ratings(running, made):
    study, _, port = running
    visitor = Visitor(port)
    begun = visitor.begin()
    with serving(made[0]) as (_, second):
        assert Visitor(second).rate(begun, 1, 2) == 200
        assert visitor.rate(begun, 0, 5) == 200
        assert Visitor(second).rate(begun, 0, 3) == 200
    (record,) = read_records(made[0] / "ratings.sqlite", study)
    assert record.scores[:3] == (3, 2, None)


@pytest.mark.parametrize(
    "begun", [b"", b"GET /", b"POST /api/rate HTTP/1.1\r\nHost: localhost\r\n"]
)
def test_slow_ones_lose_their_place_to_others(made, monkeypatch, begun):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(server_module, "MAX_REQUEST", 0.3)
    folder, study = made
    store = Store(folder / "ratings.sqlite", study)
    with StudyServer(folder, study, store, ("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        usual = threading.active_count()  # with those of other tests
        address = ("127.0.0.1", server.port)
        slow = [socket.create_connection(address, timeout=20) for _ in range(3)]
        for connection in slow:
            connection.sendall(begun)
        with socket.create_connection(address, timeout=20) as fourth:
            assert fourth.recv(1) == b""  # there is no place
        for connection in slow:
            # Their time runs from the start, however they go on.
            with suppress(OSError):
                for _ in range(200):
                    connection.sendall(b"x")
                    time.sleep(0.05)
                pytest.fail("A connection that drips is kept")
            connection.close()
        while threading.active_count() > usual:  # they leave
            time.sleep(0.01)
        assert Visitor(server.port).begin()["rater"]
        server.shutdown()
        thread.join()
    store.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::1", "::"])
def test_the_address_that_is_shown_leads_to_the_page(made, host):
    folder, study = made
    if ":" in host and not socket.has_ipv6:
        pytest.skip("There is no IPv6 here")
    store = Store(folder / "ratings.sqlite", study)
    try:
        server = StudyServer(folder, study, store, (host, 0))
    except DataError:
        store.close()
        pytest.skip(f"Nothing can listen at {host} here")
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with urlopen(server.url, timeout=20) as answer:
            assert answer.status == 200
        server.shutdown()
        thread.join()
    store.close()


def test_a_fault_of_ours_is_told_and_does_not_stop_the_server(running, made):
    _, store, _ = running
    told: list[str] = []
    with StudyServer(*made, store, ("127.0.0.1", 0), told.append) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        server.page = None  # type: ignore[assignment]
        visitor = Visitor(server.port)
        with pytest.raises((OSError, HTTPException)):
            visitor.send("GET", "/")
        assert visitor.begin()["rater"]
        server.shutdown()
        thread.join()
    assert "TypeError" in told[0]


def test_a_rating_waits_for_the_disk(made):
    # Power that fails is more than a killed server: here it can't be tried.
    folder, study = made
    store = Store(folder / "ratings.sqlite", study)
    (durable,) = store._base.execute("PRAGMA synchronous").fetchone()
    (journal,) = store._base.execute("PRAGMA journal_mode").fetchone()
    store.close()
    assert (durable, journal) == (2, "wal")  # 2 is FULL


def test_a_damaged_database_is_told(made):
    folder, study = made
    path = folder / "ratings.sqlite"
    path.write_bytes(json.dumps({"no": "database"}).encode() * 99)
    with pytest.raises(DataError, match="Cannot use"):
        Store(path, study)
    with pytest.raises(DataError, match="Cannot use"):
        read_records(path, study)
