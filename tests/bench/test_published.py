"""The interpolation rows of the literature, reproduced."""

import pytest

from sr_cli.bench.quality import mean_scores, measure
from sr_cli.bench.rivals import baselines
from sr_cli.datasets import find_dataset

NEAREST, BICUBIC, _ = baselines()


@pytest.mark.parametrize(
    ("name", "psnr", "as_rgb", "ssim"),
    [
        ("set5", 28.43, 28.43, 0.8104),
        ("set14", 26.00, 26.09, 0.7027),
        ("bsd100", 25.96, 25.96, 0.6675),
    ],
)
def test_bicubic(name, psnr, as_rgb, ssim, data_root):
    dataset = find_dataset(name, data_root / "bench")
    assert len(dataset.files) == dataset.expected
    found = mean_scores(list(measure(dataset.files, [BICUBIC])))
    assert found.psnr_y == pytest.approx(psnr, abs=0.01)
    assert found.psnr_y_gray_as_rgb == pytest.approx(as_rgb, abs=0.01)
    assert found.ssim_y == pytest.approx(ssim, abs=0.002)


def test_nearest(data_root):
    # 26.26 is table 2 of the SRGAN paper.
    dataset = find_dataset("set5", data_root / "bench")
    found = mean_scores(list(measure(dataset.files, [NEAREST])))
    assert found.psnr_y == pytest.approx(26.26, abs=0.01)
