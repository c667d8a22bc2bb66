"""`srup mos` as its users meet it."""

import json
import random
import signal
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

import studies
from sr_cli.cli import cli, main
from sr_cli.mos.exports import as_export
from sr_cli.mos.presentation import presentation
from sr_cli.mos.store import Record, Store
from sr_cli.mos.study import read_key, read_study
from studies import Visitor, serving

CPU = ("--engine", "onnxruntime", "--device", "cpu", "--precision", "float32")


def run(*arguments: object) -> tuple[str, str]:
    result = CliRunner().invoke(
        cli, ["mos", *map(str, arguments)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def refused(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["mos", *map(str, arguments)])
    assert stopped.value.code == 1
    return capsys.readouterr().err


def opinion(version: str) -> int:
    return {"nearest": 1, "bicubic": 2, "mine": 4, "original": 5}[version]


def record_of(folder, seed: int) -> Record:
    """A rater with a firm opinion of each version, but for one slip."""
    study = read_study(folder)
    origins = read_key(folder, study).origins
    items = presentation(study, random.Random(seed))
    scores = [opinion(origins[item].version) for item in items]
    scores[0] = 3
    return Record(f"{seed:016x}", items, tuple(scores))


@pytest.fixture
def exports(made):
    """Files of six raters."""
    folder, study = made
    paths = []
    for seed in range(6):
        path = folder.parent / f"ratings-{seed}.json"
        content = as_export(record_of(folder, seed), study)
        path.write_text(json.dumps(content), encoding="utf-8")
        paths.append(path)
    return paths


def test_make_with_a_network(tmp_path, tiny_weights):
    photos = studies.some_pictures(tmp_path / "photos", 2)
    others = studies.some_pictures(tmp_path / "others", 3, seed=5)
    out, err = run(
        *("make", photos, "-m", tiny_weights, "-o", tmp_path / "study", *CPU),
        *("--calibration", others, "--calibration-pictures", 2),
    )
    study = read_study(tmp_path / "study")
    key = read_key(tmp_path / "study", study)
    assert key.versions == ("nearest", "bicubic", "tiny", "original")
    assert len(key.weights["tiny"]) == 64
    assert len(study.calibration) == 4
    assert out.strip() == str(tmp_path / "study")
    assert "8 items, of which each rater sees 1 twice" in err


class Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[dict, str]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        self.links += [facts[n] for n in ("src", "href", "action") if n in facts]
        if tag == "script":
            self.found.append((facts, ""))

    def handle_data(self, data):
        if self.found and self.lasttag == "script":
            facts, text = self.found.pop()
            self.found.append((facts, text + data))


def test_the_static_page_holds_the_study_and_nothing_from_elsewhere(
    tmp_path, tiny_weights
):
    photos = studies.some_pictures(tmp_path / "photos", 1)
    consent = tmp_path / "consent.txt"
    # As Windows' editor saves UTF-8: with a mark before.
    consent.write_text("Yes </script><script>alert(1)</script> & so on\n", "utf-8-sig")
    study = tmp_path / "study"
    out, err = run(
        *("make", photos, "-m", tiny_weights, "-o", study, *CPU),
        *("--static", "--consent", consent),
    )
    assert "--calibration" in err
    assert out.strip() == str(study / "public" / "index.html")
    page = Scripts()
    page.feed((study / "public" / "index.html").read_text(encoding="utf-8"))
    (facts, told), _ = page.found
    assert facts == {"type": "application/json", "id": "study"}
    found = json.loads(told)
    assert found["consent"] == "Yes </script><script>alert(1)</script> & so on"
    assert tuple(found["items"]) == read_study(study).items
    assert page.links == ["data:,"]


def test_score_shows_means_tests_and_raters(made, exports):
    out, _ = run("score", made[0], *exports)
    assert "photos: 4 pictures" in out
    assert "95 % interval" in out
    assert "*" in out
    assert "6 raters;" in out
    assert "of 24 repeated ratings" in out
    assert "drift" in out
    out, _ = run("score", made[0], exports[0])
    assert "1 rater;" in out


def test_score_as_json_of_files_and_the_database_together(made, exports):
    folder, study = made
    store = Store(folder / "ratings.sqlite", study)
    with_server = record_of(folder, 77)
    token = store.begin()
    shown = store.record(token).items
    origins = read_key(folder, study).origins
    for position, item in enumerate(shown):
        store.add(token, position, item, opinion(origins[item].version))
    store.begin()  # somebody who went away
    out, err = run("score", folder, *exports, exports[0], "--json", "-")
    store.close()
    found = json.loads(out)
    assert (found["raters"], found["unfinished"]) == (7, 1)
    rows = found["sets"][0]["versions"]
    assert [row["version"] for row in rows] == [
        "nearest",
        "bicubic",
        "mine",
        "original",
    ]
    assert [sum(row["counts"]) for row in rows] == [28] * 4
    means = [row["mean"] for row in rows]
    assert means == sorted(means)
    assert with_server.finished
    assert err == ""


def test_score_draws_a_picture(made, exports, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for name, begins in (("a.png", b"\x89PNG"), ("b.SVG", b"<?xml")):
        run("score", made[0], *exports, "--plot", tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)


def test_without_matplotlib_it_says_so_first(made, exports, capsys, monkeypatch):
    from sr_cli.bench import scaling_plot

    monkeypatch.setattr(scaling_plot, "find_spec", lambda _: None)
    said = refused(capsys, "score", made[0], *exports, "--plot", "x.png")
    assert "pip install 'srup[watch]'" in said


def test_bad_input_is_one_sentence(made, exports, capsys, tmp_path):
    assert "srup mos make" in refused(capsys, "score", tmp_path / "none")
    assert "no rater has finished" in refused(capsys, "score", made[0])
    key = (made[0] / "key.json").read_text(encoding="utf-8")
    exports[0].write_text(key, encoding="utf-8")
    assert "holds no ratings" in refused(capsys, "score", made[0], exports[0])
    assert "srup mos make" in refused(capsys, "serve", tmp_path / "none")


def test_a_consent_that_says_nothing_is_refused(tmp_path, capsys):
    photos = studies.some_pictures(tmp_path / "photos", 1)
    empty, latin = tmp_path / "empty.txt", tmp_path / "latin.txt"
    empty.write_text(" \n", encoding="utf-8")
    latin.write_bytes("Ça va".encode("latin-1"))
    for path, why in (
        (tmp_path, "Cannot read"),
        (tmp_path / "none", "No such file"),
        (empty, "is empty"),
        (latin, "is no text in UTF-8"),
    ):
        said = refused(capsys, "make", photos, "-o", tmp_path / "s", "--consent", path)
        assert why in said
        assert "Errno" not in said
        assert said.startswith("Error: ")  # before anything else is said or done
        assert len(said.strip().splitlines()) == 1


def test_serve_ends_well_with_ctrl_c(made, capfd):
    with serving(made[0]) as (process, port):
        Visitor(port).begin()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not (made[0] / "ratings.sqlite-wal").exists()  # all in one file again
    assert "1 rater began, 0 finished" in capfd.readouterr().err


def test_what_was_collected_by_serve_is_scored(made):
    folder, study = made
    with serving(folder) as (_, port):
        origins = read_key(folder, study).origins
        visitor = Visitor(port)
        begun = visitor.begin()
        for position, item in enumerate(begun["items"]):
            assert visitor.rate(begun, position, opinion(origins[item].version)) == 200
        out, _ = run("score", folder, "--json", "-")  # while it goes on
    rows = json.loads(out)["sets"][0]["versions"]
    assert [row["mean"] for row in rows] == [1, 2, 4, 5]
