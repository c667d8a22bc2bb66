"""Known sets, downloaded from a real server that misbehaves."""

import hashlib
import io
import shutil
import socket
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sr_cli.datasets import (
    KnownSet,
    Part,
    cache_folder,
    find_dataset,
    find_photos,
    table,
)
from sr_cli.datasets.download import Progress, obtain
from sr_cli.datasets.table import Archive, SinglePictures
from sr_cli.errors import DataError
from sr_cli.fetch import Patience, RemoteFile
from web_server import cut_after, serving, status

IMPATIENT = Patience(tries=2, timeout=5.0, sleep=lambda _: None)


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


PHOTOS = {f"{i:04d}.png": png(i) for i in range(1, 4)}


def zipped(photos=PHOTOS) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in photos.items():
            archive.writestr(f"HR/{name}", content)
        archive.writestr("HR/readme.txt", "hello")
    return stream.getvalue()


@pytest.fixture
def site(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with serving() as site:
        yield site


def known(source, pictures=3, folder="photos") -> KnownSet:
    part = Part(folder, "its photos", pictures, source)
    return KnownSet("photos", "Photos", part, part, "free for all", "Me, 2001")


@pytest.fixture
def packed(site):
    """A set in an archive whose size and hash are known."""
    content = zipped()
    url = site.put("/photos.zip", content)
    sha256 = hashlib.sha256(content).hexdigest()
    return known(Archive(RemoteFile(url, len(content), sha256)))


@pytest.fixture
def loose(site):
    """A set of single pictures, without hashes."""
    for i, content in enumerate(PHOTOS.values(), 1):
        site.put(f"/set/img_{i:03d}_HR.png", content)
    source = SinglePictures(f"{site.url}/set/", "img_{:03d}_HR.png", site.url, 15_000)
    return known(source)


class Told:
    """What a user would have seen."""

    def __init__(self):
        self.said: list[str] = []
        self.bytes: list[tuple[str, int, int | None]] = []
        self.progress = Progress(
            lambda *args: self.bytes.append(args), self.said.append
        )


@pytest.fixture
def told():
    return Told()


def get(row, told):
    return obtain(row, row.training, told.progress, IMPATIENT)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def in_cache():
    return sorted(path.name for path in cache_folder().iterdir())


def test_an_archive_becomes_a_folder(packed, told):
    folder = get(packed, told)
    assert folder == cache_folder() / "photos"
    assert contents(folder) == PHOTOS
    assert in_cache() == ["photos"]
    size = packed.training.source.size
    assert told.said == [
        f"Getting Photos: its photos, about {size / 1000:.3g} kB, to {folder}. "
        "Licence: free for all."
    ]
    stages = list(dict.fromkeys(stage for stage, *_ in told.bytes))
    assert stages == ["Downloading", "Unpacking"]
    assert ("Downloading", size, size) in told.bytes
    total = sum(map(len, PHOTOS.values()))
    assert told.bytes[-1] == ("Unpacking", total, total)


def test_a_tarball_and_the_part_of_it_that_is_wanted(site, told):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in PHOTOS.items():
            folder = "test" if name == "0003.png" else "train"
            info = tarfile.TarInfo(f"B/images/{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    url = site.put("/b.tgz", stream.getvalue())
    row = known(Archive(RemoteFile(url), None, "images/train"), 2)
    assert set(contents(get(row, told))) == {"0001.png", "0002.png"}


def test_single_pictures_become_a_folder(loose, told):
    folder = get(loose, told)
    found = contents(folder)
    assert sorted(found) == ["img_001_HR.png", "img_002_HR.png", "img_003_HR.png"]
    assert [found[name] for name in sorted(found)] == list(PHOTOS.values())
    assert in_cache() == ["photos", "photos.sha256"]
    total = sum(map(len, PHOTOS.values()))
    assert told.bytes[-1] == ("Downloading", total, 15_000)
    assert [done for _, done, _ in told.bytes] == sorted(
        done for _, done, _ in told.bytes
    )


def test_what_is_there_is_not_got_again(packed, told, site):
    get(packed, told)
    get(packed, told)
    assert len(site.requests) == 1


def test_an_interrupted_archive_goes_on(packed, told, site):
    site.faults += [cut_after(3000), status(503)]
    with pytest.raises(DataError, match="503"):
        get(packed, told)
    assert in_cache() == ["photos.zip.part", "photos.zip.part.json"]
    assert contents(get(packed, told)) == PHOTOS
    assert site.ranges_asked[-1] == "bytes=3000-"


def test_an_interrupted_unpacking_starts_over_without_the_network(packed, told, site):
    def interrupt(stage, *_):
        if stage == "Unpacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(packed, packed.training, Progress(interrupt), IMPATIENT)
    assert in_cache() == ["photos.zip"]
    assert contents(get(packed, told)) == PHOTOS
    assert len(site.requests) == 1


def test_interrupted_pictures_go_on(loose, told, site):
    served = site.files.pop("/set/img_003_HR.png")
    with pytest.raises(DataError, match="404"):
        get(loose, told)
    assert not (cache_folder() / "photos").exists()
    site.files["/set/img_003_HR.png"] = served
    site.requests.clear()
    assert len(contents(get(loose, told))) == 3
    assert [path for path, _ in site.requests] == ["/set/img_003_HR.png"]


def test_a_wrong_hash_is_told_with_a_way_out(packed, told, site):
    site.files["/photos.zip"] = bytes(len(site.files["/photos.zip"]))
    with pytest.raises(DataError, match=r"sha256 is .*, and should be") as error:
        get(packed, told)
    assert f"by hand from {site.url}/photos.zip" in error.value.hint
    assert f"put the pictures in {cache_folder() / 'photos'}" in error.value.hint
    assert in_cache() == []


def test_a_first_download_is_trusted_and_a_second_must_equal_it(site, told):
    row = known(Archive(RemoteFile(site.put("/photos.zip", zipped()))))
    folder = get(row, told)
    digest = hashlib.sha256(site.files["/photos.zip"]).hexdigest()
    record = cache_folder() / "photos.sha256"
    assert record.read_text() == f"{digest}  photos.zip\n"
    assert "Nobody has published hashes" in told.said[-1]
    assert str(record) in told.said[-1]
    shutil.rmtree(folder)
    assert contents(get(row, told)) == PHOTOS
    shutil.rmtree(folder)
    site.put("/photos.zip", zipped({"evil.png": png(9)}))
    with pytest.raises(DataError, match=f"should be {digest}") as error:
        get(row, told)
    assert f"{record} has the hashes of the first download" in error.value.hint
    assert not folder.exists()


def test_single_pictures_are_pinned_too(loose, told, site):
    shutil.rmtree(get(loose, told))
    site.put("/set/img_002_HR.png", png(77))
    with pytest.raises(DataError, match=r"img_002_HR\.png is damaged or another"):
        get(loose, told)
    assert not (cache_folder() / "photos").exists()


@pytest.mark.parametrize("page", [b"<html>Please log in</html>", png(2)[:-1], b""])
def test_a_login_page_is_no_picture(page, loose, told, site):
    good = site.files["/set/img_002_HR.png"]
    site.files["/set/img_002_HR.png"] = page
    with pytest.raises(DataError, match=r"img_002_HR\.png is no PNG file"):
        get(loose, told)
    site.files["/set/img_002_HR.png"] = good
    assert len(contents(get(loose, told))) == 3


def test_a_login_page_is_no_archive_and_is_not_trusted(site, told):
    row = known(Archive(RemoteFile(site.put("/photos.zip", b"<html>log in</html>"))))
    with pytest.raises(DataError, match="is damaged") as error:
        get(row, told)
    assert "Remove it" in error.value.hint
    assert in_cache() == ["photos.zip"]


def test_a_hostile_archive_leaves_nothing(site, told):
    row = known(Archive(RemoteFile(site.put("/p.zip", zipped({"../../x.png": b""})))))
    with pytest.raises(DataError, match="leads out of its folder"):
        get(row, told)
    assert in_cache() == ["p.zip"]
    assert sorted(p.name for p in cache_folder().parent.parent.iterdir()) == ["srup"]


def test_a_wrong_number_of_pictures_is_said(packed, told):
    packed = replace(packed, training=replace(packed.training, pictures=4))
    get(packed, told)
    assert told.said[-1] == "photos.zip should hold 4 pictures, and holds 3."


@pytest.mark.parametrize("which", ["packed", "loose"])
def test_a_disk_that_is_too_small_is_found_out_first(which, told, monkeypatch, request):
    row = request.getfixturevalue(which)
    usage = shutil.disk_usage("/")._replace(free=14_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="14 kB are free"):
        get(row, told)
    assert not (cache_folder() / "photos").exists()


def test_no_network(told, monkeypatch, site, packed):
    def no_names(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    file = RemoteFile("https://photos.example/photos.zip")
    with pytest.raises(DataError, match=r"Cannot get .*name resolution") as error:
        get(known(Archive(file)), told)
    assert "by hand from https://photos.example/photos.zip" in error.value.hint
    assert f"put the pictures in {cache_folder() / 'photos'}" in error.value.hint


def test_a_cache_that_cannot_be_written(packed, told, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match="Cannot write to") as error:
        get(packed, told)
    assert "XDG_CACHE_HOME" in error.value.hint


@pytest.mark.parametrize("which", ["packed", "loose"])
def test_two_at_once_get_it_once(which, site, request):
    row = request.getfixturevalue(which)
    gate = threading.Event()

    def slow(handler, content):
        gate.wait(5)
        handler.serve(content)

    site.faults.append(slow)
    said = []

    def say(sentence):
        said.append(sentence)
        if sentence.startswith("Another process"):
            gate.set()

    def one(_):
        return obtain(row, row.training, Progress(on_say=say), IMPATIENT)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(one, range(2))
    assert first == second
    assert sorted(contents(first).values()) == sorted(PHOTOS.values())
    assert "Another process is getting Photos; waiting for it." in said
    assert len(site.requests) == (1 if which == "packed" else 3)


def test_found_by_name_and_got(packed, told, monkeypatch):
    monkeypatch.setattr(table, "KNOWN_SETS", (packed,))

    def this(row, part):
        return obtain(row, part, told.progress, IMPATIENT)

    assert find_photos("PHOTOS", this) == cache_folder() / "photos"
    assert len(find_dataset("photos", obtain=this).files) == 3
    assert find_photos("photos") == cache_folder() / "photos"
