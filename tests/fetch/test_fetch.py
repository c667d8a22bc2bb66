"""Downloads against a real server that cuts, lies and changes its mind."""

import hashlib
import json
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sr_cli.errors import DataError
from sr_cli.fetch import Patience, RemoteFile, Telling, fetch
from web_server import claims, cut_after, serving, status

CONTENT = np.random.default_rng(0).bytes(3_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as site:
        yield site


@pytest.fixture
def url(site):
    return site.put("/data/photos%20of%20mine.zip", CONTENT)


class Waits(list):
    """Collects the waits instead of waiting."""

    def patience(self, tries: int = 5) -> Patience:
        return Patience(tries=tries, timeout=5.0, sleep=self.append)


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "photos.zip"


def names(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_arrives_and_tells_of_it(url, target):
    told = []
    file = RemoteFile(url, len(CONTENT), SHA256)
    assert file.name == "photos of mine.zip"
    telling = Telling(lambda *args: told.append(args))
    assert fetch(file, target, telling=telling) == SHA256
    assert target.read_bytes() == CONTENT
    assert names(target) == ["photos.zip"]
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)
    assert len(told) > 5


@pytest.mark.parametrize("content", [b"", b"x"])
def test_files_that_are_hardly_any(content, site, target):
    assert fetch(RemoteFile(site.put("/a", content)), target)
    assert target.read_bytes() == content


def test_a_file_that_is_there_is_only_verified(url, target, site):
    fetch(RemoteFile(url), target)
    assert fetch(RemoteFile(url, sha256=SHA256), target) == SHA256
    assert len(site.requests) == 1
    target.write_bytes(b"damaged")
    assert fetch(RemoteFile(url, sha256=SHA256), target) == SHA256
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("known", [True, False])
def test_a_cut_is_resumed_where_it_was(known, url, target, site, waits):
    site.faults += [cut_after(600_000), cut_after(300_000)]
    file = RemoteFile(url, len(CONTENT), SHA256) if known else RemoteFile(url)
    assert fetch(file, target, patience=waits.patience()) == SHA256
    assert target.read_bytes() == CONTENT
    assert site.ranges_asked == [None, "bytes=600000-", "bytes=900000-"]
    assert waits == [1.0, 2.0]


def test_progress_earns_new_tries_and_none_uses_them_up(url, target, site, waits):
    site.faults += [cut_after(1_048_576), cut_after(0)] * 2
    fetch(RemoteFile(url), target, patience=waits.patience(tries=3))
    assert waits == [1.0, 2.0, 1.0, 2.0]
    target.unlink()
    site.faults += [cut_after(10)] * 3
    with pytest.raises(
        DataError, match="it ended after 30 of 3000001 bytes"
    ) as refusal:
        fetch(RemoteFile(url), target, patience=waits.patience(tries=3))
    assert "what has arrived is kept" in refusal.value.hint
    assert (target.parent / "photos.zip.part").stat().st_size == 30


def test_another_process_goes_on(url, target, site, waits):
    site.faults.append(cut_after(1_234_567))
    with pytest.raises(DataError):
        fetch(RemoteFile(url), target, patience=waits.patience(tries=1))
    told = []
    telling = Telling(lambda *args: told.append(args))
    fetch(RemoteFile(url), target, telling=telling)
    assert site.ranges_asked == [None, "bytes=1234567-"]
    assert site.requests[1][1]["If-Range"] == site.tag(CONTENT)
    assert told[0] == (1_234_567, len(CONTENT))
    assert target.read_bytes() == CONTENT


def test_ctrl_c_keeps_what_has_arrived(url, target, site):
    def interrupt(done, _):
        if done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(RemoteFile(url), target, telling=Telling(interrupt))
    assert names(target) == ["photos.zip.part", "photos.zip.part.json"]
    fetch(RemoteFile(url), target)
    assert target.read_bytes() == CONTENT
    assert int(site.ranges_asked[1][6:-1]) > 1_000_000
    assert names(target) == ["photos.zip"]


def test_a_server_without_ranges_starts_over(url, target, site, waits):
    site.ranges = False
    site.faults.append(cut_after(1_000_000))
    fetch(RemoteFile(url), target, patience=waits.patience())
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("honest", [True, False])
def test_a_file_that_changed_since_the_cut_is_taken_whole(
    honest, url, target, site, waits
):
    new = CONTENT[::-1]
    site.faults.append(cut_after(1_000_000))
    if not honest:  # it ignores If-Range, and sends the rest of the new file

        def rest_of_new(handler, _):
            extent = f"bytes 1000000-{len(new) - 1}/{len(new)}"
            headers = {"Content-Range": extent, "ETag": site.tag(new)}
            handler.answer(206, new[1_000_000:], headers)

        site.faults.append(rest_of_new)
    with pytest.raises(DataError):
        fetch(RemoteFile(url), target, patience=waits.patience(tries=1))
    site.files[site.requests[0][0]] = new
    fetch(RemoteFile(url), target, patience=waits.patience())
    assert target.read_bytes() == new


def test_without_a_tag_or_hash_nothing_is_resumed(url, target, site, waits):
    site.tagged = False
    site.faults.append(cut_after(1_000_000))
    with pytest.raises(DataError):
        fetch(RemoteFile(url), target, patience=waits.patience(tries=1))
    fetch(RemoteFile(url), target)
    assert site.ranges_asked == [None, None]
    target.unlink()
    site.faults.append(cut_after(1_000_000))
    with pytest.raises(DataError):
        fetch(RemoteFile(url), target, patience=waits.patience(tries=1))
    assert fetch(RemoteFile(url, sha256=SHA256), target) == SHA256
    assert site.ranges_asked[2:] == [None, "bytes=1000000-"]


@pytest.mark.parametrize("note", ["", "{", '{"url": "http://another/"}', "[]"])
def test_a_part_of_unknown_origin_is_not_used(note, url, target, site):
    target.parent.mkdir()
    (target.parent / "photos.zip.part").write_bytes(b"something else")
    if note:
        (target.parent / "photos.zip.part.json").write_text(note)
    assert fetch(RemoteFile(url), target) == SHA256
    assert site.ranges_asked == [None]


def test_a_part_that_is_all_there_is_not_asked_for(url, target, site):
    target.parent.mkdir()
    (target.parent / "photos.zip.part").write_bytes(CONTENT)
    note = {"url": url, "tag": site.tag(CONTENT), "total": None}
    note_file = target.parent / "photos.zip.part.json"
    note_file.write_text(json.dumps(note))
    assert fetch(RemoteFile(url), target) == SHA256
    assert site.ranges_asked == ["bytes=3000001-"]  # answered with 416
    target.rename(target.parent / "photos.zip.part")
    note_file.write_text(json.dumps(note | {"total": len(CONTENT)}))
    assert fetch(RemoteFile(url), target) == SHA256
    assert len(site.requests) == 1


def test_a_part_that_is_too_long_is_given_up(url, target, site, waits):
    target.parent.mkdir()
    (target.parent / "photos.zip.part").write_bytes(CONTENT + b"more")
    note = {"url": url, "tag": site.tag(CONTENT), "total": len(CONTENT)}
    (target.parent / "photos.zip.part.json").write_text(json.dumps(note))
    assert fetch(RemoteFile(url), target, patience=waits.patience()) == SHA256


@pytest.mark.parametrize("length", [len(CONTENT) + 5, len(CONTENT) - 5])
def test_a_wrong_length_is_refused_before_anything_is_written(
    length, url, target, site, waits
):
    site.faults.append(claims(length))
    with pytest.raises(DataError, match=f"offers {length} bytes as .*, not 3000001"):
        fetch(RemoteFile(url, len(CONTENT)), target, patience=waits.patience())
    assert (target.parent / "photos.zip.part").stat().st_size == 0
    assert waits == []


def test_a_length_that_is_too_long_is_never_complete(url, target, site, waits):
    site.faults += [claims(len(CONTENT) + 5)] * 9
    site.ranges = False
    with pytest.raises(DataError, match="ended after 3000001 of 3000006 bytes"):
        fetch(RemoteFile(url), target, patience=waits.patience(tries=2))
    assert not target.exists()


def test_a_length_that_is_too_short_fails_by_its_hash(url, target, site, waits):
    site.faults.append(claims(len(CONTENT) - 5))
    with pytest.raises(DataError, match="damaged or another file"):
        fetch(RemoteFile(url, sha256=SHA256), target, patience=waits.patience())
    assert names(target) == []


@pytest.mark.parametrize("extra", [-5, 5])
def test_without_a_length_the_known_size_counts(extra, url, target, site, waits):
    body = (CONTENT + b"12345")[: len(CONTENT) + extra]

    def no_length(handler, _):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(body)

    site.faults += [no_length] * 2
    with pytest.raises(DataError, match=r"2999996 of 3000001|offers 3000002 bytes"):
        fetch(RemoteFile(url, len(CONTENT)), target, patience=waits.patience(tries=2))
    site.faults.clear()
    site.faults.append(no_length)
    assert fetch(RemoteFile(url), target.with_name("free")) != SHA256


def test_a_broken_chunk_is_a_cut(url, target, site, waits):
    def chunk(handler, content):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"ffff\r\n" + content[:1000])
        handler.close_connection = True

    site.faults.append(chunk)
    assert fetch(RemoteFile(url), target, patience=waits.patience()) == SHA256
    assert waits == [1.0]


def test_a_wrong_hash_names_both_and_leaves_nothing(url, target):
    wrong = "0" * 64
    with pytest.raises(DataError, match=f"sha256 is {SHA256}, and .* {wrong}") as error:
        fetch(RemoteFile(url, sha256=wrong), target)
    assert "Try again" in error.value.hint
    assert names(target) == []


def test_what_is_not_there_is_not_tried_again(site, target, waits):
    with pytest.raises(DataError, match=r"/gone.zip \(404 Not Found\)"):
        fetch(RemoteFile(f"{site.url}/gone.zip"), target, patience=waits.patience())
    assert waits == []
    assert len(site.requests) == 1


def test_a_busy_server_is_tried_again(url, target, site, waits):
    said = []
    site.faults += [status(503), status(429, {"Retry-After": "7"}), status(500)]
    site.faults += [status(503, {"Retry-After": "86400"})]
    telling = Telling(on_say=said.append)
    fetch(RemoteFile(url), target, telling=telling, patience=waits.patience())
    assert waits == [1.0, 7.0, 4.0, 60.0]
    assert said[0] == (
        "The download failed (503 Service Unavailable); trying again in 1 s."
    )
    target.unlink()
    site.faults += [status(503)] * 5
    with pytest.raises(DataError, match="503"):
        fetch(RemoteFile(url), target, patience=waits.patience())


def test_redirects_are_followed_with_the_range(url, target, site, waits):
    moved = status(302, {"Location": "/data/photos%20of%20mine.zip"})
    site.faults += [moved, cut_after(1_000_000), moved]
    fetch(RemoteFile(f"{site.url}/moved"), target, patience=waits.patience())
    assert target.read_bytes() == CONTENT
    assert site.ranges_asked == [None, None, *["bytes=1000000-"] * 2]


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_redirects_to_elsewhere_are_refused(where, url, target, site):
    site.faults.append(status(302, {"Location": where}))
    with pytest.raises(DataError):
        fetch(RemoteFile(url), target)
    assert not target.exists()


def test_endless_redirects_end(url, target, site, waits):
    site.faults += [status(302, {"Location": "/data/photos%20of%20mine.zip"})] * 30
    with pytest.raises(DataError, match="302"):
        fetch(RemoteFile(url), target, patience=waits.patience(tries=2))


def test_an_encrypted_address_never_leads_to_an_open_one():
    from urllib.request import Request

    from sr_cli.fetch.transfer import _Redirects

    class Body:
        def close(self):
            pass

    request = Request("https://127.0.0.1/a")
    with pytest.raises(DataError, match="not safe"):
        _Redirects().redirect_request(request, Body(), 302, "", {}, "http://127.0.0.1/")


def test_nobody_there(site, target, waits):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.zip"
        with pytest.raises(
            DataError, match=r"Cannot get .*a\.zip \(Connection refused"
        ):
            fetch(RemoteFile(url), target, patience=waits.patience(tries=2))
    assert waits == [1.0]


def test_no_network_is_said_at_once(target, waits, monkeypatch):
    def no_names(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    with pytest.raises(DataError, match=r"https://a\.example/b\.zip .*name resolution"):
        fetch(RemoteFile("https://a.example/b.zip"), target, patience=waits.patience())
    assert waits == []


def test_a_proxy_is_honoured(site, target, monkeypatch):
    address = "http://photos.example/a.zip"
    site.files[address] = b"by proxy"
    monkeypatch.setenv("http_proxy", site.url)
    fetch(RemoteFile(address), target)
    assert target.read_bytes() == b"by proxy"


def test_a_disk_that_is_too_small_is_found_out_first(url, target, monkeypatch):
    usage = shutil.disk_usage(target.parent.parent)._replace(free=4_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    fetch(RemoteFile(url), target, spare=900_000)
    target.unlink()
    with pytest.raises(DataError, match=r"4 MB are needed in .*, but 4 MB are free"):
        fetch(RemoteFile(url), target, spare=1_000_000)
    assert not target.exists()


def test_a_disk_that_fills_up_keeps_the_part(url, target, monkeypatch, waits):
    from sr_cli.fetch.part import Part

    append = Part.append

    def full(part, block):
        if part.done > 1_000_000:
            raise OSError(28, "No space left on device")
        append(part, block)

    monkeypatch.setattr(Part, "append", full)
    with pytest.raises(DataError, match="No space left on device") as error:
        fetch(RemoteFile(url), target, patience=waits.patience())
    assert "Free some space" in error.value.hint
    assert waits == []
    monkeypatch.setattr(Part, "append", append)
    assert fetch(RemoteFile(url), target) == SHA256


def test_a_folder_that_cannot_be_made(url, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Cannot write"):
        fetch(RemoteFile(url), tmp_path / "file" / "a.zip")


def test_two_at_once_download_once(url, target, site):
    gate = threading.Event()

    def slow(handler, content):
        gate.wait(5)
        handler.serve(content)

    site.faults.append(slow)
    said = []

    def say(sentence):
        said.append(sentence)
        gate.set()

    def one(_):
        return fetch(RemoteFile(url), target, telling=Telling(on_say=say))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [SHA256] * 2
    assert len(site.requests) == 1
    assert said == ["Another process downloads photos.zip; waiting for it."]
    assert names(target) == ["photos.zip"]


def test_what_a_server_says_commands_no_terminal(target, site, waits):
    def refuse(handler, _content):
        handler.send_response(503, "\x1b]0;title\x07")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    said = []
    site.faults += [refuse] * 5
    telling = Telling(on_say=said.append)
    with pytest.raises(DataError) as refusal:
        fetch(
            RemoteFile(f"{site.url}/a.zip"),
            target,
            telling=telling,
            patience=waits.patience(),
        )
    assert all(text.isprintable() for text in (*said, str(refusal.value)))
    assert len(said) == 4
