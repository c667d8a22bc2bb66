"""A study's folder: what raters may see, and what they may not."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import studies
from sr_cli import picture
from sr_cli.bench.rivals import Rival
from sr_cli.degrade import downscale, resize, to_uint8
from sr_cli.errors import DataError, ModelError
from sr_cli.mos.making import make_study
from sr_cli.mos.study import Origin, read_key, read_study


def test_every_version_of_every_picture_once(made):
    folder, study = made
    key = read_key(folder, study)
    assert key.versions == ("nearest", "bicubic", "mine", "original")
    assert key.weights == {"mine": "ab" * 32}
    expected = {
        Origin("photos", f"{number}.png", version): 1
        for number in range(4)
        for version in key.versions
    }
    assert Counter(key.origins.values()) == expected


def test_pictures_are_what_the_key_says(made):
    folder, study = made
    for name, origin in read_key(folder, study).origins.items():
        found = picture.read(folder / "public" / "pictures" / f"{name}.png")
        high = picture.read(folder.parent / "photos" / origin.picture).pixels
        if origin.version == "original":
            expected = high
        else:
            kernel = {"mine": "lanczos"}.get(origin.version, origin.version)
            expected = to_uint8(resize(downscale(high, 4), 36, 32, kernel))
        np.testing.assert_array_equal(found.pixels, expected)


def test_what_raters_see_tells_nothing(made):
    folder, study = made
    public = folder / "public"
    told = (public / "study.json").read_text(encoding="utf-8")
    for secret in ("nearest", "bicubic", "mine", "original", "photos", ".png"):
        assert secret not in told
    files = sorted((public / "pictures").iterdir())
    assert [path.stem for path in files] == sorted(study.items)
    assert len({path.stat().st_mtime_ns for path in files}) == 1
    for path in files:
        chunks = path.read_bytes()
        assert b"tEXt" not in chunks
        assert b"iTXt" not in chunks
        assert b"tIME" not in chunks
    assert {path.name for path in public.iterdir()} == {"study.json", "pictures"}


def test_files_of_one_picture_are_alike(made):
    """Neither a size nor a kind of PNG tells smooth versions from detailed ones."""
    folder, study = made
    facts: dict[str, set[tuple[int, bytes]]] = {}
    for name, origin in read_key(folder, study).origins.items():
        path = folder / "public" / "pictures" / f"{name}.png"
        content = path.read_bytes()
        head = content[16:29]  # IHDR
        facts.setdefault(origin.picture, set()).add((len(content), head))
        with Image.open(path) as opened:
            opened.verify()  # every chunk is sound, the last one is IEND
        assert content.endswith(b"IEND\xaeB`\x82")
    assert [len(found) for found in facts.values()] == [1] * 4


def test_the_study_is_read_as_it_was_made(made):
    folder, study = made
    assert read_study(folder) == study
    assert study.repeats == 4


def test_calibration_is_nearest_and_original_of_other_pictures(tmp_path):
    others = studies.some_pictures(tmp_path / "others", 2, seed=9)
    folder, study = studies.made_study(tmp_path, calibration=sorted(others.iterdir()))
    assert sorted(sample.score for sample in study.calibration) == [1, 1, 5, 5]
    highs = [picture.read(path).pixels.tobytes() for path in others.iterdir()]
    for sample in study.calibration:
        path = folder / "public" / "pictures" / f"{sample.name}.png"
        found = picture.read(path).pixels.tobytes()
        assert (found in highs) == (sample.score == 5)
        assert sample.name not in study.items


def test_pictures_of_the_study_do_not_calibrate(tmp_path):
    photos = studies.some_pictures(tmp_path / "photos", 2)
    plan = studies.plan_of(photos, calibration=[photos / "1.png"])
    with pytest.raises(DataError, match="would calibrate raters"):
        make_study(plan, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_tenth_repeats_unless_told(tmp_path):
    _, study = studies.made_study(tmp_path, pictures=5, repeats=None)
    assert (len(study.items), study.repeats) == (20, 2)


def test_a_failure_leaves_nothing(tmp_path):
    photos = studies.some_pictures(tmp_path / "photos", 2)

    def fail(_low):
        raise ModelError("The weights give no numbers", "Take others")

    plan = studies.plan_of(photos)
    plan = replace(plan, models=[Rival("bad", fail)])
    with pytest.raises(ModelError):
        make_study(plan, tmp_path / "study")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path, made):
    folder, study = made
    photos = folder.parent / "photos"
    with pytest.raises(DataError, match="not empty"):
        make_study(studies.plan_of(photos), folder)
    assert read_study(folder) == study


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "study").mkdir()
    folder, study = studies.made_study(tmp_path)
    assert read_study(folder) == study


def test_a_model_that_is_named_like_the_original_is_refused(tmp_path):
    photos = studies.some_pictures(tmp_path / "photos", 1)
    plan = studies.plan_of(photos)
    plan = replace(plan, models=[replace(studies.MODEL, id="original")])
    with pytest.raises(DataError, match="Rename the file of weights"):
        make_study(plan, tmp_path / "study")


def test_too_many_repeats_and_twin_sets_are_refused(tmp_path):
    photos = studies.some_pictures(tmp_path / "photos", 1)
    with pytest.raises(DataError, match="can't be repeated"):
        make_study(studies.plan_of(photos, repeats=5), tmp_path / "study")
    with pytest.raises(DataError, match="same name"):
        make_study(studies.plan_of(photos, photos), tmp_path / "study")


@pytest.mark.parametrize(
    "change",
    [
        {"items": ["../../key"]},
        {"items": ["00" * 8, "00" * 8]},
        {"repeats": -1},
        {"repeats": True},
        {"consent": None},
        {"calibration": [{"name": "00" * 8, "score": 6}]},
        {"calibration": 3},
        {"id": 5},
        {"format": "other"},
    ],
)
def test_a_damaged_study_is_refused(made, change):
    folder, _ = made
    path = folder / "public" / "study.json"
    found = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        read_study(folder)


def test_the_key_of_another_study_is_refused(made, tmp_path):
    folder, study = made
    other, _ = studies.made_study(tmp_path / "other")
    (folder / "key.json").write_bytes((other / "key.json").read_bytes())
    with pytest.raises(DataError, match="of another study"):
        read_key(folder, study)


@pytest.mark.parametrize("change", [{"version": "bicubic"}, {"picture": "9.png"}])
def test_a_key_that_lacks_a_version_is_refused(made, change):
    folder, study = made
    path = folder / "key.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    name = next(n for n, o in found["origins"].items() if o["version"] == "nearest")
    found["origins"][name] |= change
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        read_key(folder, study)


def test_no_study_is_told(tmp_path):
    with pytest.raises(DataError, match="srup mos make"):
        read_study(tmp_path)
