"""A file is taken once it has kept still, and again when it changes."""

import os
from pathlib import Path, PurePath

from sr_cli.batch import Input, arrivals


def test_files_are_taken_when_they_keep_still(tmp_path):
    looks = 0
    growing = tmp_path / "growing"

    def find() -> list[Input]:
        nonlocal looks
        looks += 1
        if looks < 4:  # it grows until the third look
            with growing.open("ab") as stream:
                stream.write(b"more")
        if looks == 6:
            (tmp_path / "late").touch()
        if looks == 9:
            growing.write_bytes(b"other")
        if looks == 10:
            (tmp_path / "late").unlink()
        return [Input(path, Path("out"), PurePath()) for path in tmp_path.iterdir()]

    found = []
    for inputs, new in arrivals(find, lambda: looks >= 12, 0.001):
        found.append((looks, sorted(path.name for path in new)))
        assert {one.source for one in inputs} >= new
    assert found == [(4, ["growing"]), (7, ["late"]), (10, ["growing"])]


def test_what_keeps_its_size_but_not_its_time_waits(tmp_path):
    path, looks = tmp_path / "a", 0
    path.write_bytes(b"same")

    def find() -> list[Input]:
        nonlocal looks
        looks += 1
        os.utime(path, ns=(looks if looks < 5 else 9,) * 2)
        return [Input(path, Path("out"), PurePath())]

    seen = [looks for _ in arrivals(find, lambda: looks >= 8, 0.001)]
    assert seen == [6]
