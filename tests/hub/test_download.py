"""The Hub's real client against a Hub on loopback, and what goes wrong with it."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hub_server
from hub_server import Hub
from sr_cli.errors import DataError, WeightsError
from sr_cli.hub.download import obtain, obtain_card
from sr_cli.hub.names import HubName

REPO, FILE = "somebody/sharp", "net.safetensors"
NAME = HubName(REPO, None, FILE)
GET_FILE = r"^GET /[0-9a-f]{64}$"

OLD, NEW = (random.Random(seed).randbytes(300_000) for seed in (1, 2))
MEBIBYTES = random.Random(3).randbytes(5 << 20)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def ranges(hub: Hub) -> list[str | None]:
    """What was asked for of the large file, request by request."""
    return [request.headers.get("Range") for request in hub.asked(GET_FILE)]


def left_over(cache: Path) -> list[str]:
    """What is in the cache besides files, their hashes and the client's notes."""
    blobs = cache.rglob("blobs/*")
    return [path.name for path in blobs if len(path.name) not in (40, 64)]


def test_first_and_cached_use(hub, cache):
    commit = hub.put(REPO, {FILE: OLD, "README.md": b"# sharp"})
    path = obtain(NAME)
    assert path.read_bytes() == OLD
    assert path == cache / "models--somebody--sharp" / "snapshots" / commit / FILE
    before = len(hub.requests)
    assert obtain(NAME) == path
    # One question, whether the branch has moved.
    assert [r.method for r in hub.requests[before:]] == ["HEAD"]
    assert len(hub.asked(GET_FILE)) == 1
    assert not left_over(cache)


def test_the_only_weights_are_found(hub):
    hub.put(REPO, {"deep/net.safetensors": OLD, "net.onnx": NEW, "README.md": b"#"})
    assert obtain(HubName(REPO)).read_bytes() == OLD


def test_weights_that_are_not_safe_come_second(hub):
    hub.put(REPO, {"old.pth": OLD})
    assert obtain(HubName(REPO)).read_bytes() == OLD
    hub.put(REPO, {"new.safetensors": NEW})
    assert obtain(HubName(REPO)).read_bytes() == NEW


def test_a_choice_is_left_to_the_user(hub):
    hub.put(REPO, {"a.safetensors": OLD, "b.safetensors": NEW})
    with pytest.raises(
        WeightsError, match=r"2 files to choose from \(a.*, b.safetensors\)"
    ):
        obtain(HubName(REPO))
    hub.put("somebody/words", {"README.md": b"#"})
    with pytest.raises(WeightsError, match="0 files to choose from"):
        obtain(HubName("somebody/words"))


def test_the_storage_gets_no_token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    hub.put(REPO, {FILE: OLD})
    obtain(NAME)
    (got,) = hub.asked(GET_FILE)
    assert "Authorization" not in got.headers
    (asked,) = hub.asked(r"^GET .*resolve")
    assert asked.headers["Authorization"] == "Bearer hf_good"


def test_a_small_file_is_left_to_the_client(hub):
    hub.put(REPO, {"net.bin": b"small"})
    assert obtain(HubName(REPO, None, "net.bin")).read_bytes() == b"small"


def test_progress(hub):
    from sr_cli.fetch import Telling

    hub.put(REPO, {FILE: OLD})
    told = []
    obtain(NAME, telling=Telling(lambda done, total: told.append((done, total))))
    assert told[0] == (0, len(OLD))
    assert told[-1] == (len(OLD), len(OLD))
    assert told == sorted(told)


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_offline(hub, tmp_path, how):
    commit = hub.put(REPO, {FILE: OLD})
    obtain(NAME)
    hub.requests.clear()
    off = {"HF_HUB_OFFLINE": "1"} if how == "variable" else {}
    offline = how == "argument"
    with hub_server.settings(**hub_server.environment(hub, tmp_path / "home"), **off):
        for name in (NAME, HubName(REPO), HubName(REPO, commit), HubName(REPO, "main")):
            assert obtain(name, offline=offline).read_bytes() == OLD
        with pytest.raises(WeightsError, match=r"not in the Hub's cache.*HF_HUB_OFFL"):
            obtain(HubName("somebody/else"), offline=offline)
        with pytest.raises(WeightsError, match="not in the Hub's cache"):
            obtain(HubName(REPO, "other"), offline=offline)
    assert not hub.requests


def test_a_hub_that_is_away(hub, sayings, telling, patience, waits):
    hub.put(REPO, {FILE: OLD})
    gone = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # where nobody listens
    with hub_server.settings(**gone):
        with pytest.raises(
            WeightsError, match=r"Cannot reach http://127\.0\.0\.1:9 for"
        ):
            obtain(NAME, patience=patience)
        assert not waits  # there may be no network at all
    path = obtain(NAME)
    with hub_server.settings(**gone):
        assert obtain(NAME, telling=telling) == path
    assert "can't be asked" in sayings[0]
    assert "the one in the cache" in sayings[0]


def test_a_server_that_is_no_hub(hub):
    hub.put(REPO, {FILE: OLD})
    hub.fail("HEAD", hub_server.sends(b"Welcome to the hotel"))
    with pytest.raises(WeightsError, match="doesn't answer as the Hub does"):
        obtain(NAME)


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        (None, "no repository somebody/sharp on .*, or it is private.*Set HF_TOKEN"),
        ("hf_bad", "doesn't accept the token .*401 Unauthorized"),
    ],
)
def test_a_private_repository(hub, monkeypatch, token, problem):
    hub.put(REPO, {FILE: OLD})
    hub.repos[REPO].private = True
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    for name in (NAME, HubName(REPO)):
        with pytest.raises(WeightsError, match=problem):
            obtain(name)
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert obtain(NAME).read_bytes() == OLD


@pytest.mark.parametrize("token", [None, "hf_good"])  # 401, 403
def test_a_gated_repository(hub, monkeypatch, token):
    hub.put(REPO, {FILE: OLD})
    hub.repos[REPO].gated = True
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(WeightsError, match=f"conditions. Accept them at {hub.url}/som"):
        obtain(NAME)
    hub.accepted.add(REPO)
    assert obtain(NAME).read_bytes() == OLD


def test_a_token_without_permission(hub):
    hub.put(REPO, {FILE: OLD})
    hub.fail("HEAD", hub_server.status(403))
    with pytest.raises(WeightsError, match=r"doesn't accept the token .*403 Forbidden"):
        obtain(NAME)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (HubName("somebody/else"), "no repository somebody/else"),
        (HubName("somebody/else", None, FILE), "no repository somebody/else"),
        (HubName(REPO, "v9"), "no revision v9"),
        (HubName(REPO, "v9", FILE), "no revision v9"),
        (HubName(REPO, None, "x.safetensors"), "hf:somebody/sharp:x.safetensors is no"),
    ],
)
def test_what_is_not_there(hub, monkeypatch, name, problem):
    monkeypatch.setenv("HF_TOKEN", "hf_good")  # without, all of it might be private
    hub.put(REPO, {FILE: OLD})
    with pytest.raises(WeightsError, match=problem):
        obtain(name)


@pytest.mark.parametrize("code", [429, 500, 503])
@pytest.mark.parametrize("where", ["^HEAD", "^GET /api", GET_FILE])
def test_a_hub_that_recovers(hub, patience, waits, telling, sayings, code, where):
    hub.put(REPO, {FILE: OLD})
    hub.fail(where, hub_server.status(code), hub_server.status(code))
    name = HubName(REPO)
    assert obtain(name, patience=patience, telling=telling).read_bytes() == OLD
    assert waits == [1.0, 2.0]
    assert f"({code} " in " ".join(sayings)
    assert "trying again in 2 s" in " ".join(sayings)


@pytest.mark.parametrize("where", ["^HEAD", GET_FILE])
def test_a_hub_that_says_how_long(hub, patience, waits, where):
    hub.put(REPO, {FILE: OLD})
    hub.fail(where, hub_server.status(429, {"Retry-After": "7"}))
    obtain(NAME, patience=patience)
    assert waits == [7.0]


@pytest.mark.parametrize(
    ("code", "problem"),
    [(429, "asks for fewer requests"), (500, r"fails for .*500 Internal")],
)
@pytest.mark.parametrize("where", ["^HEAD", "^GET /api", GET_FILE])
def test_a_hub_that_does_not_recover(hub, cache, patience, waits, code, problem, where):
    hub.put(REPO, {FILE: OLD})
    hub.fail(where, *[hub_server.status(code)] * 9)
    with pytest.raises(WeightsError, match=problem):
        obtain(HubName(REPO), patience=patience)
    assert len(waits) == 2
    assert not list(cache.rglob("snapshots/*/*"))


def test_a_hub_that_fails_is_not_waited_for_with_a_file_at_hand(hub, patience, waits):
    hub.put(REPO, {FILE: OLD})
    path = obtain(NAME)
    for code in (500, 429, 401):
        hub.fail("^HEAD", hub_server.status(code))
        assert obtain(NAME, patience=patience) == path
    assert not waits


def test_a_cut_download_goes_on(hub, patience, waits, cache):
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.cut_after(100_000), hub_server.cut_after(50_000))
    assert obtain(NAME, patience=patience).read_bytes() == OLD
    assert ranges(hub) == [None, "bytes=100000-", "bytes=150000-"]
    assert len(waits) == 2
    assert not left_over(cache)


def test_a_connection_that_gains_gets_new_tries(hub, patience):
    hub.put(REPO, {FILE: MEBIBYTES})
    hub.fail(GET_FILE, *[hub_server.cut_after(1 << 20)] * 4)
    assert obtain(NAME, patience=patience).read_bytes() == MEBIBYTES


def test_what_has_come_is_kept_for_the_next_time(hub, patience):
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.cut_after(100_000), *[hub_server.hangs_up] * 2)
    with pytest.raises(WeightsError, match="Cannot reach"):
        obtain(NAME, patience=patience)
    hub.requests.clear()
    assert obtain(NAME).read_bytes() == OLD
    assert ranges(hub) == ["bytes=100000-"]


@pytest.mark.parametrize(
    "answer",
    [
        hub_server.sends(OLD),
        lambda handler, _: handler.answer(
            206, OLD[5:], {"Content-Range": f"bytes 5-{len(OLD) - 1}/{len(OLD)}"}
        ),
        hub_server.status(416),
    ],
    ids=["everything", "another part", "nothing"],
)
def test_a_storage_that_knows_no_ranges(hub, patience, answer):
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.cut_after(100_000), answer)
    assert obtain(NAME, patience=patience).read_bytes() == OLD


def test_a_file_of_which_only_the_name_is_missing(hub, cache, patience):
    """It was killed between the last byte and the end."""
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.cut_after(299_999), *[hub_server.hangs_up] * 9)
    with pytest.raises(WeightsError):
        obtain(NAME, patience=patience)
    (part,) = cache.rglob("*.part")
    part.write_bytes(OLD)
    hub.requests.clear()
    assert obtain(NAME).read_bytes() == OLD
    assert not ranges(hub)


@pytest.mark.parametrize("wrong", [NEW, OLD[:-1] + b"x", OLD + b"more"])
def test_wrong_bytes_are_refused(hub, cache, wrong):
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.sends(wrong))
    with pytest.raises(WeightsError) as refusal:
        obtain(NAME)
    assert f"its sha256 is {sha256(wrong)}, and should be {sha256(OLD)}" in str(
        refusal.value
    )
    assert "Try again; what was sent is removed" in refusal.value.hint
    assert not [path for path in cache.rglob("blobs/*") if path.is_file()]
    assert not list(cache.rglob("snapshots/*/*"))
    assert obtain(NAME).read_bytes() == OLD


def test_another_file_than_the_pinned_is_not_even_fetched(hub):
    commit = hub.put(REPO, {FILE: OLD})
    name = HubName(REPO, commit, FILE)
    with pytest.raises(
        WeightsError, match=f"{sha256(OLD)}, and should be {sha256(NEW)}"
    ):
        obtain(name, sha256=sha256(NEW))
    assert not hub.asked(GET_FILE)
    assert obtain(name, sha256=sha256(OLD)).read_bytes() == OLD


def test_a_slow_drip(hub):
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.drips(40))
    assert obtain(NAME).read_bytes() == OLD
    assert len(ranges(hub)) == 1


def test_a_storage_that_falls_silent(hub, patience, tmp_path):
    hub.put(REPO, {FILE: OLD})
    hub.fail(GET_FILE, hub_server.stalls_after(100_000))
    with hub_server.settings(HF_HUB_DOWNLOAD_TIMEOUT="1"):
        assert obtain(NAME, patience=patience).read_bytes() == OLD
    assert ranges(hub)[-1] == "bytes=100000-"


def test_a_mirror_that_serves_large_files_itself(hub, patience):
    hub.put(REPO, {FILE: OLD})
    hub.direct = True
    hub.fail("^GET .*resolve", hub_server.hangs_up)
    assert obtain(NAME, patience=patience).read_bytes() == OLD
    assert not hub.asked(GET_FILE)


def test_a_moved_branch_is_followed_and_a_commit_is_not(hub, cache):
    old = hub.put(REPO, {FILE: OLD})
    pinned = HubName(REPO, old, FILE)
    assert obtain(NAME).read_bytes() == OLD
    hub.put(REPO, {FILE: NEW})
    assert obtain(NAME).read_bytes() == NEW
    assert obtain(NAME, offline=True).read_bytes() == NEW
    before = len(hub.requests)
    assert obtain(pinned).read_bytes() == OLD
    assert len(hub.requests) == before  # what never changes needs no question
    assert obtain(HubName(REPO, old)).read_bytes() == OLD


def test_a_branch_that_moved_to_a_file_that_is_known(hub):
    hub.put(REPO, {FILE: OLD})
    obtain(NAME)
    hub.put(REPO, {"README.md": b"# new"})
    assert obtain(NAME).read_bytes() == OLD
    assert len(ranges(hub)) == 1


def test_other_branches(hub):
    hub.put(REPO, {FILE: OLD})
    hub.put(REPO, {FILE: NEW}, branch="crisp")
    assert obtain(HubName(REPO, "crisp", FILE)).read_bytes() == NEW
    assert obtain(HubName(REPO, "crisp"), offline=True).read_bytes() == NEW
    assert obtain(NAME).read_bytes() == OLD


def test_the_card(hub):
    hub.put(REPO, {FILE: OLD, "README.md": b"# sharp"})
    assert obtain_card(NAME).read_bytes() == b"# sharp"
    hub.put("somebody/mute", {FILE: OLD})
    assert obtain_card(HubName("somebody/mute")) is None


def test_a_full_disk(hub, cache, monkeypatch):
    hub.put(REPO, {FILE: OLD})
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=299_999))
    with pytest.raises(DataError, match="300 kB are needed"):
        obtain(NAME)
    assert not hub.asked(GET_FILE)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"HF_ENDPOINT": "nonsense"}, "Cannot reach nonsense"),
        ({"HF_TOKEN": "no täken"}, r"Asking .* failed .*HF_TOKEN"),
    ],
)
def test_settings_that_make_no_sense(hub, settings, problem):
    hub.put(REPO, {FILE: OLD})
    with hub_server.settings(**settings), pytest.raises(WeightsError, match=problem):
        obtain(NAME)


def test_an_answer_that_is_not_the_hubs(hub):
    hub.put(REPO, {FILE: OLD})
    hub.fail("^GET /api", hub_server.sends(b"<html>Please log in"))
    with pytest.raises(WeightsError, match=r"Asking .* failed .*HF_ENDPOINT"):
        obtain(HubName(REPO))


def test_a_cache_that_is_a_file(hub, tmp_path):
    hub.put(REPO, {FILE: OLD})
    (tmp_path / "home").write_text("no folder")
    with pytest.raises(WeightsError, match=r"Cannot write to the Hub's cache.*HF_HOME"):
        obtain(NAME)


SCRIPT = f"""
from sr_cli.fetch import Telling
from sr_cli.hub.download import obtain
from sr_cli.hub.names import HubName

telling = Telling(lambda done, _: print(done, flush=True), lambda text: print(text))
path = obtain(HubName({REPO!r}, None, {FILE!r}), telling=telling)
print(path.read_bytes() == open("expected", "rb").read())
"""


def start(hub: Hub, folder: Path) -> subprocess.Popen[str]:
    (folder / "expected").write_bytes(MEBIBYTES)
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | hub_server.environment(hub, folder / "home"),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_download_once(hub, tmp_path):
    hub.put(REPO, {FILE: MEBIBYTES})
    # Slow enough for the second to come while the first is at it.
    hub.fail(GET_FILE, hub_server.drips(300))
    both = [start(hub, tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [output.split()[-1] for output in outputs] == ["True", "True"]
    assert ranges(hub) == [None]


def test_a_killed_download_goes_on(hub, tmp_path):
    hub.put(REPO, {FILE: MEBIBYTES})
    hub.fail(GET_FILE, hub_server.drips(300))
    process = start(hub, tmp_path)
    for line in process.stdout:
        if line.strip().isdigit() and int(line) > 1 << 20:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    hub.requests.clear()
    assert obtain(NAME).read_bytes() == MEBIBYTES
    (asked,) = ranges(hub)
    assert int(asked[6:-1]) >= 1 << 18  # but for what the process still held back
