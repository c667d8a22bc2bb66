"""Archives, good, damaged and hostile."""

import gzip
import io
import shutil
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sr_cli.errors import DataError
from sr_cli.fetch import unpack as unpacking
from sr_cli.fetch.unpack import unpack

NOISE = np.random.default_rng(0).bytes(5000)
KINDS = ("zip", "tar", "tgz")
SUFFIXES = {".png", ".jpg"}


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            if isinstance(content, str):  # a link to it
                info = zipfile.ZipInfo(name)
                info.create_system = 3
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, content)
            else:
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def make_tar(path, members, mode):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            elif content is None:
                info.type = tarfile.CHRTYPE
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def make(kind: str, path: Path, *members) -> Path:
    if kind == "zip":
        make_zip(path, members)
    else:
        make_tar(path, members, "w:gz" if kind == "tgz" else "w")
    return path


@pytest.fixture
def folder(tmp_path):
    """Where to unpack to; nothing else may ever change."""
    cache = tmp_path / "outer" / "cache"
    cache.mkdir(parents=True)
    yield cache / "set"
    assert [path.name for path in (tmp_path / "outer").iterdir()] == ["cache"]
    assert {path.name for path in cache.iterdir()} <= {"set"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_pictures_come_out_flat(kind, tmp_path, folder):
    archive = make(
        kind,
        tmp_path / "a",
        ("Set/", b""),
        ("Set/HR/1.png", NOISE),
        ("Set/HR/b.JPG", NOISE[:100]),
        ("Set/HR/._1.png", b"finder"),
        ("Set/readme.txt", b"hello"),
        ("Set/run.sh", b"rm"),
        ("./c.png", b""),
    )
    told = []
    found = unpack(
        archive, folder, suffixes=SUFFIXES, on_bytes=lambda *a: told.append(a)
    )
    assert found == 3
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert contents == {"1.png": NOISE, "b.JPG": NOISE[:100], "c.png": b""}
    assert told == [(5000, 5100), (5100, 5100)]


@pytest.mark.parametrize("kind", KINDS)
def test_one_folder_of_many(kind, tmp_path, folder):
    names = (
        "B/images/train/1.png",
        "B/images/test/1.png",
        "B/other images/train/1.png",
    )
    members = [(name, NOISE[:i]) for i, name in enumerate(names, 1)]
    archive = make(kind, tmp_path / "a", *members)
    assert unpack(archive, folder, suffixes=SUFFIXES, inside="images/train") == 1
    assert (folder / "1.png").read_bytes() == NOISE[:1]


def test_an_empty_folder_is_no_hindrance_but_a_full_one(tmp_path, folder):
    archive = make("zip", tmp_path / "a", ("1.png", NOISE))
    folder.mkdir()
    unpack(archive, folder, suffixes=SUFFIXES)
    with pytest.raises(DataError, match="Cannot unpack"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert (folder / "1.png").read_bytes() == NOISE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "..\\evil.png",
        "/tmp/evil.png",
        "\\evil.png",
        "C:/evil.png",
        "C:evil.png",
        "a.png:evil.png",
        "../evil.txt",
        "a/..",
        "bad\nname.png",
    ],
)
def test_names_that_lead_out_are_refused(name, kind, tmp_path, folder):
    archive = make(kind, tmp_path / "a", ("1.png", NOISE), (name, NOISE))
    with pytest.raises(DataError, match="leads out of its folder"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["/etc/passwd", "../../outer", "1.png"])
def test_links_are_refused(target, kind, tmp_path, folder):
    archive = make(kind, tmp_path / "a", ("1.png", NOISE), ("2.png", target))
    with pytest.raises(DataError, match=r"'2\.png', a link or device"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_linked_folder_leads_nowhere(kind, tmp_path, folder):
    elsewhere = tmp_path / "outer" / "cache" / "elsewhere"
    archive = make(kind, tmp_path / "a", ("d", str(elsewhere)), ("d/1.png", NOISE))
    unpack(archive, folder, suffixes=SUFFIXES)
    assert (folder / "1.png").read_bytes() == NOISE


def test_devices_and_hard_links_are_refused(tmp_path, folder):
    archive = make("tar", tmp_path / "a", ("1.png", None))
    with pytest.raises(DataError, match="a link or device"):
        unpack(archive, folder, suffixes=SUFFIXES)
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("1.png")
        info.type, info.linkname = tarfile.LNKTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(DataError, match="a link or device"):
        unpack(archive, folder, suffixes=SUFFIXES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("again", ["1.png", "other/1.PNG"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_of_a_name_are_refused(again, kind, tmp_path, folder):
    archive = make(kind, tmp_path / "a", ("1.png", NOISE), (again, NOISE))
    with pytest.raises(DataError, match="two pictures called"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["zip", "tgz"])
@pytest.mark.parametrize("name", ["1.png", "never looked at"])
def test_bombs_are_refused(name, kind, tmp_path, folder):
    archive = make(kind, tmp_path / "a", (name, bytes(10_000_000)), ("2.png", NOISE))
    with pytest.raises(DataError, match=r"unpacks to more than \d+"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert not folder.exists()


def test_a_disk_that_is_too_small_is_found_out_first(tmp_path, folder, monkeypatch):
    archive = make("zip", tmp_path / "a", ("1.png", NOISE))
    usage = shutil.disk_usage(tmp_path)._replace(free=4999)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="5 kB are needed"):
        unpack(archive, folder, suffixes=SUFFIXES)


def test_a_size_that_is_a_lie_is_found_out(tmp_path, folder):
    archive = make("zip", tmp_path / "a", ("1.png", bytes(100_000) + NOISE * 3))
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (20_000).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(DataError, match="it is not unpacked"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_no_pictures(kind, tmp_path, folder):
    archive = make(kind, tmp_path / "a", ("a.txt", NOISE))
    with pytest.raises(DataError, match="holds none of the pictures"):
        unpack(archive, folder, suffixes=SUFFIXES)


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>Please log in</html>" * 99])
def test_what_is_no_archive(content, tmp_path, folder):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        unpack(tmp_path / "a", folder, suffixes=SUFFIXES)


def test_a_password_is_damage(tmp_path, folder):
    archive = make("zip", tmp_path / "a", ("1.png", NOISE))
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    data[6] |= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        unpack(archive, folder, suffixes=SUFFIXES)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(KINDS),
    at=st.floats(0, 1, exclude_max=True),
    bytes_=st.binary(min_size=1, max_size=8),
    cut=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_damage_is_refused_or_harmless(kind, at, bytes_, cut, tmp_path):
    archive = make(kind, tmp_path / "a", ("1.png", NOISE), ("d/2.png", NOISE[:700]))
    data = bytearray(archive.read_bytes())
    place = int(at * len(data))
    data[place : None if cut else place + len(bytes_)] = bytes_
    archive.write_bytes(data)
    place = tmp_path / "place"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        found = unpack(archive, place / "set", suffixes=SUFFIXES)
    except DataError:
        assert list(place.iterdir()) == []
    else:
        assert len(list((place / "set").iterdir())) == found


def test_an_interruption_leaves_no_half_set(tmp_path, folder):
    archive = make("zip", tmp_path / "a", ("1.png", NOISE), ("2.png", NOISE))

    def interrupt(done, _):
        if done > len(NOISE):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(archive, folder, suffixes=SUFFIXES, on_bytes=interrupt)
    assert list(folder.parent.iterdir()) == []


def test_what_a_kill_left_is_replaced(tmp_path, folder):
    left = folder.with_name(".set.unpacking")
    left.mkdir()
    (left / "half.png").touch()
    archive = make("zip", tmp_path / "a", ("1.png", NOISE))
    assert unpack(archive, folder, suffixes=SUFFIXES) == 1
    assert [path.name for path in folder.iterdir()] == ["1.png"]


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, folder, monkeypatch):
    archive = make("zip", tmp_path / "a", ("1.png", NOISE))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking, "_write", full)
    with pytest.raises(DataError, match="No space left on device"):
        unpack(archive, folder, suffixes=SUFFIXES)
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_long_names_are_no_bombs(kind, tmp_path, folder):
    """tarfile reads them at once, and a mebibyte of zeros is a kilobyte of gzip."""
    size = 32 << 20
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    archive = tmp_path / "a"
    with gzip.open(archive, "wb", 1) as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(size))
    tracemalloc.start()
    with pytest.raises(DataError, match="is damaged") as refusal:
        unpack(archive, folder, suffixes=SUFFIXES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size // 4
    assert "\n" not in str(refusal.value)


def test_names_may_be_long(tmp_path, folder):
    archive = make("tgz", tmp_path / "a", (f"{'n' * 150}/{'é' * 100}.png", NOISE))
    assert unpack(archive, folder, suffixes=SUFFIXES) == 1


def test_what_is_no_archive_is_told_in_one_line(tmp_path, folder):
    (archive := tmp_path / "a").write_bytes(b"\x1f\x8b" + NOISE)
    with pytest.raises(DataError, match="is damaged") as refusal:
        unpack(archive, folder, suffixes=SUFFIXES)
    assert "\n" not in str(refusal.value)
