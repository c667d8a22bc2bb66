import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sr_cli.errors import ConfigError, DataError
from sr_cli.train.log import FIRST, LAST, Metrics
from sr_cli.train.plot import draw, save, smooth

finite = st.floats(-1e6, 1e6)


def metrics(rows: int = 100, top: float = 1.0, **parts: float) -> Metrics:
    """A run of which every tenth row is a validation's."""
    columns = (*FIRST, *parts, *LAST)
    steps = np.arange(1.0, rows + 1.0)
    values = np.full((rows, len(columns)), np.nan)
    falling = top / steps
    for number, name in enumerate(columns):
        values[:, number] = {
            "step": steps,
            "psnr_y": 30.0 - falling,
            "learning_rate": np.full(rows, 1e-4),
            "skipped": np.zeros(rows),
        }.get(name, falling * parts.get(name, 1.0))
    validation = steps % 10 == 0
    keep = np.isin(columns, ["step", "psnr_y"])
    values[np.ix_(validation, ~keep)] = np.nan
    values[~validation, columns.index("psnr_y")] = np.nan
    return Metrics(columns, values)


def panels(figure) -> dict:
    return {
        axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()
    }


@given(st.lists(finite, max_size=300))
def test_smoothing_keeps_to_the_values(values):
    found = smooth(np.array(values))
    assert found.shape == (len(values),)
    if values:
        slack = 1e-6 * (1.0 + np.abs(values).max())
        assert min(values) - slack <= found.min()
        assert found.max() <= max(values) + slack
        assert found[0] == pytest.approx(values[0], abs=slack)


def test_smoothing_takes_noise_away():
    noise = np.random.default_rng(0).normal(size=10_000)
    assert smooth(noise)[1000:-200].std() < 0.1
    assert np.allclose(smooth(np.full(50, 3.0)), 3.0)


def test_one_run_has_a_panel_for_every_quantity():
    run = metrics(content=0.5, adversarial=2.0)
    figure = draw({"mine": run})
    found = panels(figure)
    assert list(found) == [
        "Validation PSNR (Y), dB",
        "Loss",
        "Loss: content",
        "Loss: adversarial",
        "Gradient norm, before clipping",
        "Learning rate",
    ]
    raw, smoothed = found["Loss: content"].lines
    steps, values = run.curve("content")
    assert np.array_equal(raw.get_xydata(), np.stack([steps, values], 1))
    assert len(smoothed.get_xdata()) == len(steps) == 90
    assert found["Loss"].get_yscale() == "log"
    assert found["Learning rate"].get_yscale() == "linear"
    (legend,) = found["Validation PSNR (Y), dB"].get_legend().get_texts()
    assert legend.get_text() == "29.99 dB at 100"
    assert figure.get_suptitle() == "mine"


def test_runs_are_overlaid_in_their_own_colours():
    runs = {"one": metrics(), "two": metrics(50, 2.0, content=1.0), "three": metrics(0)}
    figure = draw(runs, log_steps=True)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(runs)
    found = panels(figure)
    colours = [line.get_color() for line in found["Loss"].lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert len(found["Loss: content"].lines) == 2
    assert found["Loss: content"].lines[0].get_color() == colours[2]
    assert {axes.get_xscale() for axes in found.values()} == {"log"}
    many = draw({str(number): metrics(20) for number in range(9)})
    styles = {
        (line.get_color(), line.get_linestyle())
        for line in panels(many)["Learning rate"].lines
    }
    assert len(styles) == 9


def test_what_is_not_finite_is_left_out():
    run = metrics()
    run.values[5, run.columns.index("loss")] = np.inf
    run.values[9, run.columns.index("psnr_y")] = np.inf
    found = panels(draw({"mine": run}))
    assert len(found["Loss"].lines[0].get_xdata()) == 89
    assert len(found["Validation PSNR (Y), dB"].lines[0].get_xdata()) == 9


def test_the_picture_is_not_empty(tmp_path):
    path = tmp_path / "curves.png"
    path.write_text("an earlier one")
    save(draw({"mine": metrics()}), path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB")).astype(int)
    blue = (np.abs(pixels - (0x44, 0x77, 0xAA)).max(axis=2) < 10).sum()
    assert blue > 1000
    assert (pixels == 255).all(axis=2).mean() > 0.5
    assert "matplotlib.pyplot" not in sys.modules  # no display, no global state


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="nothing to draw yet"):
        draw({"mine": metrics(0), "new": Metrics((), np.empty((0, 0)))})
    with pytest.raises(DataError, match="Cannot write"):
        save(draw({"mine": metrics(10)}), tmp_path / "missing" / "curves.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'srup\[watch\]'"):
        draw({"mine": metrics()})
