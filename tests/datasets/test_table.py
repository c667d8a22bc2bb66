"""The table of known sets agrees with itself."""

from urllib.parse import urlsplit

import pytest

from sr_cli.datasets.table import KNOWN_SETS, Archive, SinglePictures, known_set


def parts():
    return {
        (row.id, part.folder): part
        for row in KNOWN_SETS
        for part in (row.training, row.measuring)
        if part is not None
    }


def test_the_names():
    ids = [row.id for row in KNOWN_SETS]
    assert ids[:3] == ["div2k", "flickr2k", "bsds300"]
    assert ids[3:] == ["set5", "set14", "bsd100", "urban100"]
    assert known_set("Urban100") is KNOWN_SETS[-1]
    assert known_set("manga109") is None


def test_every_folder_holds_one_part():
    folders = [part.folder.casefold() for part in parts().values()]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("row", KNOWN_SETS, ids=lambda row: row.id)
def test_a_row_says_all_that_it_should(row):
    assert row.licence
    assert any(str(year) in row.paper for year in range(2000, 2020))
    assert row.training.what
    assert row.training.pictures > 0


@pytest.mark.parametrize("part", parts().values(), ids=lambda part: part.folder)
def test_a_source_is_encrypted_and_pinned(part):
    source = part.source
    addresses = [source.address]
    if isinstance(source, Archive):
        assert source.file.name.endswith((".zip", ".tgz"))
        assert len(source.file.sha256) == 64
        assert set(source.file.sha256) <= set("0123456789abcdef")
    else:
        assert isinstance(source, SinglePictures)
        name = source.name.format(part.pictures)
        assert name == f"img_{part.pictures:03d}_SRF_4_HR.png"
        addresses.append(source.folder + name)
        commits = {piece for piece in source.folder.split("/") if len(piece) == 40}
        assert len(commits) == 1
    for address in addresses:
        assert urlsplit(address).scheme == "https"
