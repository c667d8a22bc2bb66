"""The interpolation rows of the literature, reproduced, and the rows as data."""

import pytest

from sr_cli.bench.protocol import Protocol
from sr_cli.bench.published import (
    PUBLISHED,
    differences,
    figures_by_column,
    published_for,
)
from sr_cli.bench.quality import mean_scores, measure
from sr_cli.bench.rivals import baselines
from sr_cli.datasets import find_dataset

NEAREST, BICUBIC, _ = baselines()
PAPER = Protocol(("psnr", "ssim", "daala"))


@pytest.mark.parametrize(
    ("name", "psnr", "as_rgb", "ssim", "daala"),
    [
        ("set5", 28.43, 28.43, 0.8104, 0.8211),
        ("set14", 26.00, 26.09, 0.7027, 0.7486),
        ("bsd100", 25.96, 25.96, 0.6675, 0.6935),
    ],
)
def test_bicubic(name, psnr, as_rgb, ssim, daala, data_root):
    dataset = find_dataset(name, data_root / "bench")
    assert len(dataset.files) == dataset.expected
    found = mean_scores(list(measure(dataset.files, [BICUBIC], 4, PAPER)))
    assert found.psnr_y == pytest.approx(psnr, abs=0.01)
    assert found.psnr_y_gray_as_rgb == pytest.approx(as_rgb, abs=0.01)
    assert found.ssim_y == pytest.approx(ssim, abs=0.002)
    assert found.more["ssim_daala"] == pytest.approx(daala, abs=0.001)


def test_nearest(data_root):
    # 26.26 and 0.7552 are table 2 of the SRGAN paper.
    dataset = find_dataset("set5", data_root / "bench")
    found = mean_scores(list(measure(dataset.files, [NEAREST], 4, PAPER)))
    assert found.psnr_y == pytest.approx(26.26, abs=0.01)
    assert found.more["ssim_daala"] == pytest.approx(0.7552, abs=0.001)


def test_an_ssim_stands_only_beside_its_own_kind():
    for row in PUBLISHED:
        kind, channel = row.source.ssim, row.source.channel
        for dataset in row.figures:
            found = figures_by_column(row, dataset)
            own = f"ssim_{channel if kind == 'wang' else kind}"
            assert [key for key in found if key.startswith("ssim")] == [own]
            assert ("mos" in found) == (kind == "daala")


def test_another_way_of_making_small_pictures_is_told_in_its_words():
    (row,) = (r for r in published_for("set5", 4) if r.method == "SRGAN-VGG54")
    told = differences(row, "set5", PAPER, 4)
    assert told == ("low-resolution pictures by a Gaussian blur and bilinear sampling",)


def test_the_authors_own_pictures_have_an_ssim_of_wang():
    found = {
        row.method: figures_by_column(row, "bsd100")["ssim_y"]
        for row in published_for("bsd100", 4)
        if row.source.short == "4PP-EUSR"
    }
    assert (found["SRResNet-MSE"], found["SRGAN-VGG54"]) == (0.737, 0.641)


def test_rows_are_for_known_sets_at_4x_alone():
    assert published_for("set5", 2) == published_for("photos", 4) == ()
    methods = [row.method for row in published_for("bsd100", 4)]
    assert "SRGAN" in methods
    assert "MSRResNet" not in methods  # published for Set5 and Set14 only


@pytest.mark.parametrize(
    ("dataset", "protocol", "told"),
    [
        ("set5", PAPER, ()),
        ("set14", PAPER, ()),
        ("set5", Protocol(border=0), ("4 pixels of border left out",)),
        ("set5", Protocol(channels=("rgb",)), ("measured on Y",)),
        ("set14", Protocol(gray_as_gray=False), ("gray as gray",)),
        ("set5", Protocol(gray_as_gray=False), ()),
    ],
)
def test_differences_to_the_paper_are_told(dataset, protocol, told):
    (row,) = (
        row
        for row in PUBLISHED
        if row.method == "bicubic" and row.source.ssim == "daala"
    )
    assert differences(row, dataset, protocol, 4) == told
