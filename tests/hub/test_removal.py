"""What is taken out of the cache, and what stays."""

import pytest

import hub_server
from sr_cli.errors import WeightsError
from sr_cli.hub.cache import cached_files, folder, repo_folder
from sr_cli.hub.download import obtain
from sr_cli.hub.names import HubName
from sr_cli.hub.removal import remove_cached

REPO = "somebody/sharp"
OLD, NEW = b"1" * 5000, b"2" * 7000


@pytest.fixture
def commits(hub) -> list[str]:
    """Two revisions in the cache, which share a file; and another repository."""
    names = []
    for content in (OLD, NEW):
        names.append(
            hub.put(REPO, {"net.safetensors": content, "same.safetensors": b"s" * 900})
        )
        for file in ("net.safetensors", "same.safetensors"):
            obtain(HubName(REPO, None, file))
    hub.put("somebody/else", {"net.safetensors": OLD})
    obtain(HubName("somebody/else"))
    return names


def test_what_is_there_has_names_that_get_it(hub, commits):
    found = cached_files()
    assert [str(file.name) for file in found] == [
        "hf:somebody/else",
        f"hf:{REPO}:net.safetensors",
        f"hf:{REPO}:same.safetensors",
        f"hf:{REPO}@{commits[0]}:net.safetensors",
        f"hf:{REPO}@{commits[0]}:same.safetensors",
    ]
    assert [file.size for file in found] == [5000, 7000, 900, 5000, 900]
    for file in found:
        assert obtain(file.name, offline=True) == file.path


def test_a_repository_goes_and_others_stay(hub, commits):
    freed = remove_cached(HubName(REPO))
    assert 5000 + 7000 + 900 <= freed < 14000  # and some notes of the client's
    assert [str(file.name) for file in cached_files()] == ["hf:somebody/else"]


def test_a_revision_goes_and_what_others_share_stays(hub, commits):
    assert 5000 <= remove_cached(HubName(REPO, commits[0])) < 5500
    left = [file.path.read_bytes() for file in cached_files()]
    assert left == [OLD, NEW, b"s" * 900]
    remove_cached(HubName(REPO, "main"))
    assert len(cached_files()) == 1


def test_a_file_goes_and_what_others_share_stays(hub, commits):
    same = HubName(REPO, commits[0], "same.safetensors")
    assert remove_cached(same) == 0
    assert remove_cached(HubName(REPO, None, "net.safetensors")) == 12000
    left = [str(file.name) for file in cached_files()]
    assert left == ["hf:somebody/else", f"hf:{REPO}"]
    assert remove_cached(HubName(REPO, None, "same.safetensors")) == 900


def test_unfinished_downloads_go_with_the_repository(hub, patience):
    hub.put(REPO, {"net.safetensors": OLD})
    hub.fail("^GET /[0-9a-f]{64}$", *[hub_server.cut_after(1000)] * 3)
    with pytest.raises(WeightsError):
        obtain(HubName(REPO), patience=patience)
    assert remove_cached(HubName(REPO)) >= 3000
    assert not [path for path in folder().rglob("*") if REPO[-5:] in path.name]


@pytest.mark.parametrize(
    "name",
    [
        HubName("somebody/new"),
        HubName(REPO, "v9"),
        HubName(REPO, None, "x.safetensors"),
    ],
)
def test_what_is_not_there(hub, commits, name):
    with pytest.raises(WeightsError, match=f"{name} is not in the Hub's cache"):
        remove_cached(name)


def test_an_empty_cache(hub):
    assert cached_files() == []
    with pytest.raises(WeightsError, match="not in the Hub's cache"):
        remove_cached(HubName(REPO))


def test_what_the_system_keeps(hub, commits, tmp_path):
    place = repo_folder(REPO)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WeightsError, match="whether it is a link"):
        remove_cached(HubName(REPO))
    assert (tmp_path / "elsewhere" / "blobs").is_dir()


@pytest.mark.parametrize(
    ("file", "offline"),
    [(None, True), ("net.safetensors", True), ("net.safetensors", False)],
)
def test_notes_that_are_damaged(hub, commits, file, offline):
    """The client writes them, and they were a traceback."""
    (repo_folder(REPO) / "refs" / "main").write_bytes(b"\xff\xfe\0")
    with pytest.raises(WeightsError, match=r"is damaged .*Remove "):
        obtain(HubName(REPO, None, file), offline=offline)
    remove_cached(HubName(REPO))
    assert obtain(HubName(REPO, None, "net.safetensors")).read_bytes() == NEW
