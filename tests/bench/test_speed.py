"""How fast a network runs: who takes part, in what order, and what is made of it."""

import json
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from conftest import TINY, tiny_state
from one_peak import open_one_peak
from sr_cli.bench import (
    contestants,
    peak,
    quiet,
    sample,
    scaling,
    scaling_plot,
    speed,
)
from sr_cli.bench.contestants import CONTESTANTS, Ran, Task, choose, open_contestant
from sr_cli.bench.peak import Peak, PeakMeter
from sr_cli.bench.processes import FailedError, Process, Processes
from sr_cli.bench.quiet import ReferenceWatch
from sr_cli.bench.sample import Sample
from sr_cli.bench.scaling import Point, Scaling
from sr_cli.bench.speed_results import (
    Row,
    Speed,
    Turn,
    Workload,
    best_peer,
    document,
    scaled_to_usual_peak,
    times_as_fast,
)
from sr_cli.cli import cli, main
from sr_cli.errors import ConfigError, DataError, OutOfMemoryError
from sr_cli.weights import HEADER_ARCHITECTURE, load_model

MEASURED = ("onnxruntime-float32", "srup-float32")
FAILS = "ncnn-float32"  # either not installed, or it can't draw ESPCN


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A file of a tiny network, as `srup train` writes it."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    header = {HEADER_ARCHITECTURE: TINY["none"].to_json()}
    save_file(tiny_state(TINY["none"]), path, metadata=header)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The real thing once, on the smallest network that ships: all its outputs."""
    folder = tmp_path_factory.mktemp("run")
    computed: list[str] = []
    compute = Processes.compute

    def told(self, name):
        computed.append(name)
        return compute(self, name)

    rows = [word for name in (*MEASURED, FAILS) for word in ("--only", name)]
    files = ["--json", folder / "speed.json", "--plot", folder / "sizes.png"]
    size = ["--size", "40x24", "--repeats", "2", "--plot-sizes", "0.004,0.001"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Processes, "compute", told)
        patch.setattr(speed, "_SETTLE", 0.0)
        patch.setattr(peak, "_MEASURED", 0.02)
        patch.setattr(peak, "open_peak", open_one_peak)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        arguments = ["bench", "speed", "-m", "espcn", *size, *rows, *files]
        result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "speed.json").read_text(encoding="utf-8"))
    return result, found, folder, computed


def row_of(found, name):
    return next(row for row in found["rows"] if row["id"] == name)


def test_the_document_has_what_was_asked_for(run):
    _, found, _, _ = run
    assert [row["id"] for row in found["rows"]] == [MEASURED[0], FAILS, MEASURED[1]]
    assert found["model"]["id"] == "espcn"
    assert found["size"] == [40, 24]
    assert found["date"].endswith("+00:00")
    assert found["machine"]["cpu"]
    assert found["versions"].keys() >= {"torch", "onnxruntime", "numpy"}
    assert isinstance(found["quiet"], bool)
    assert len(found["disturbance"]["disturbances"]) <= 2 * 3
    for name in MEASURED:
        row = row_of(found, name)
        assert row["precision"] == "float32"
        assert row["peer"] == (not name.startswith("srup"))
        assert len(row["seconds"]) == 2
        assert min(row["seconds"]) > 0
        assert 30 << 20 < row["peak_memory"] < 4 << 30
        assert row["flops"] == 2 * 40 * 24 * (3 + 1600 + 64 * 32 * 9 + 32 * 16 * 9)


def test_seconds_are_per_megapixel_of_output(run):
    _, found, _, _ = run
    for name in MEASURED:
        row = row_of(found, name)
        expected = median(row["seconds"]) / (40 * 24 * 16 / 1e6)
        assert row["seconds_per_megapixel"]["median"] == pytest.approx(expected)


def test_ratios_are_of_the_same_round(run):
    _, found, _, _ = run
    assert found["ratio_to_best_peer"].keys() == set(MEASURED)
    for name, ratio in found["ratio_to_best_peer"].items():
        own, other = row_of(found, name), row_of(found, ratio["peer"])
        assert other["peer"]
        pairs = zip(other["seconds"], own["seconds"], strict=True)
        expected = [theirs / ours for theirs, ours in pairs]
        assert ratio["median"] == pytest.approx(median(expected))
        assert ratio["lowest"] == pytest.approx(min(expected))
        assert ratio["highest"] == pytest.approx(max(expected))
    alike = found["ratio_to_best_peer_in_precision"]
    assert alike == {"float32": found["ratio_to_best_peer"]}
    assert found["ratio_to_best_peer_at_one_clock"].keys() == set(MEASURED)


def test_shares_are_of_the_peaks_around_each_turn(run):
    _, found, _, _ = run
    assert found["share_of_peak"].keys() == set(MEASURED)
    for name, share in found["share_of_peak"].items():
        row = row_of(found, name)
        turns = zip(row["seconds"], row["peaks"], strict=True)
        shares = [row["flops"] / seconds / fmean(around) for seconds, around in turns]
        assert share["median"] == pytest.approx(median(shares))
        assert 0 < share["lowest"] <= share["highest"] < 1.5
    assert found["peak"]["float32"]["flops_per_second"]["lowest"] > 1e8
    assert found["no_peak"] is None


def test_a_row_that_fails_is_named_with_its_reason(run):
    result, found, _, _ = run
    failed = row_of(found, FAILS)
    assert failed["not_measured"] in (
        "ncnn is not installed",
        "Only SRResNet is drawn for ncnn",
    )
    assert failed["seconds"] == []
    assert failed["seconds_per_megapixel"] is None
    assert failed["peak_memory"] is None
    shown = " ".join(result.stdout.split())
    assert f"not measured: ncnn, float32: {failed['not_measured']}" in shown


def test_every_round_begins_with_another_row(run):
    _, _, _, computed = run
    rows = [name for name in computed if name in MEASURED]
    first, second = MEASURED
    assert rows == [first, second, first, second, second, first]  # two to warm up
    # The peak stands before and after each turn.
    at = computed.index(first, computed.index(second))
    assert computed[at - 1 : at + 2] == ["float32", first, "float32"]


def test_the_table_shows_the_rows(run):
    result, found, _, _ = run
    assert "espcn: 40×24 to 160×96 pixels" in result.stdout
    for title in ("onnxruntime, float32", "srup in float32"):
        assert title in result.stdout
    share = found["share_of_peak"]["srup-float32"]["median"]
    assert f"{share:.0%}" in result.stdout
    assert ("was not quiet" in result.stderr) != found["quiet"]


def test_the_sizes_are_measured_and_drawn(run):
    result, found, folder, _ = run
    grown = found["scaling"]
    assert [point["megapixels"] for point in grown["points"]] == [0.001, 0.004]
    assert all(point["seconds"] > 0 for point in grown["points"])
    assert all(point["memory"] > 30 << 20 for point in grown["points"])
    slope = np.diff(np.log([p["seconds"] for p in grown["points"]])) / np.log(4.0)
    assert grown["exponent"] == pytest.approx(slope[0])
    assert isinstance(grown["exponent_at_one_clock"], float)
    assert f"megapixels^{grown['exponent']:.3f}" in result.stdout
    with Image.open(folder / "sizes.png") as drawn:
        assert drawn.format == "PNG"
        assert min(drawn.size) > 300


# --- what is made of the seconds


seconds = st.floats(1e-3, 1e3)
PEAKS = (Peak(1e12, 64, 1), Peak(3e12, 64, 1))


def row(name: str, *taken: float, peer: bool = True, precision="float32") -> Row:
    turns = tuple(Turn(s, PEAKS) for s in taken)
    return Row(name, name, peer, 10**12, Ran("openvino", precision), turns, 1)


@given(
    st.lists(st.tuples(seconds, seconds, st.floats(0.5, 2.0)), min_size=1, max_size=5)
)
def test_a_machine_that_slows_down_slows_all(rounds):
    def rows(drifting: bool) -> tuple[Row, Row]:
        factors = [drift if drifting else 1.0 for _, _, drift in rounds]
        pairs = [(a * f, b * f) for (a, b, _), f in zip(rounds, factors, strict=True)]
        first, second = zip(*pairs, strict=True)
        return row("a", *first), row("b", *second)

    steady, drifting = rows(drifting=False), rows(drifting=True)
    expected = times_as_fast(*steady)
    found = times_as_fast(*drifting)
    for part in ("median", "lowest", "highest"):
        assert getattr(found, part) == pytest.approx(getattr(expected, part))
    assert times_as_fast(drifting[0], drifting[0]).highest == 1.0


def test_the_best_peer_is_so_round_by_round():
    steady = row("steady", 10.0, 10.0, 10.0)
    lucky = row("lucky", 1.0, 11.0, 11.0)  # once fast, while all others were
    ours = row("ours", 0.1, 0.1, 0.1, peer=False)
    found = best_peer([lucky, steady, ours])
    assert found is not None
    assert found.id == "steady"
    assert best_peer([ours]) is None
    assert best_peer([replace(steady, turns=())]) is None


def test_a_share_is_of_the_peak_at_that_time():
    # 1e12 in 2 s, where the machine could do 2e12 in one
    share = row("a", 2.0, 1.0, 4.0).share_of_peak()
    assert share is not None
    assert (share.median, share.lowest, share.highest) == (0.25, 0.125, 0.5)
    without = replace(row("a"), turns=(Turn(1.0, None),))
    assert without.share_of_peak() is None


def test_at_one_clock_a_slow_moment_does_not_count():
    slow, fast = Peak(1e12, 64, 1), Peak(4e12, 64, 1)
    theirs = Turn(2.0, (fast, fast)), Turn(2.0, (fast, fast)), Turn(8.0, (slow, slow))
    ours = Turn(4.0, (slow, slow)), Turn(1.0, (fast, fast)), Turn(4.0, (slow, slow))
    rows = replace(row("peer"), turns=theirs), replace(row("ours"), turns=ours)
    peer, own = scaled_to_usual_peak(rows)
    # The median of 1, 1, 1, 4, 4 and 4 is 2.5.
    assert peer.seconds == pytest.approx([3.2, 3.2, 3.2])
    assert times_as_fast(own, peer).lowest == pytest.approx(2.0)
    assert times_as_fast(own, peer).highest == pytest.approx(2.0)
    without = replace(rows[0], turns=(Turn(1.0, None),))
    assert scaled_to_usual_peak([without]) == []


def found_with(weights: Path, *rows: Row) -> Speed:
    workload = Workload(load_model(str(weights)))
    machine, quietness = None, None  # not asked for
    return Speed(workload, rows, None, machine, {}, quietness, "")  # type: ignore[arg-type]


def test_like_is_compared_with_like(weights):
    found = found_with(
        weights,
        row("exact", 8.0),
        row("half", 2.0, precision="bfloat16"),
        row("ours", 4.0, peer=False),
        Row("absent", "absent", True, 1, not_measured="It is not installed"),
    )
    assert {n: r[0] for n, r in found.ratios().items()} == dict.fromkeys(
        ("exact", "half", "ours"), "half"
    )
    assert found.ratios()["ours"][1].median == 0.5
    alike = found.ratios("float32")
    assert alike.keys() == {"exact", "ours"}
    assert alike["ours"] == ("exact", times_as_fast(row("a", 4.0), row("b", 8.0)))
    assert found.ratios("float16") == {}


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="has no /proc/stat")
def test_what_our_processes_use_is_not_the_others():
    spin = "[0 for _ in iter(lambda: __import__('time').process_time() < 0.4, False)]"
    with closing(Process(partial(partial, eval, spin))) as process:
        watch = speed._watch(1, lambda: [process.pid])
        before = watch._read().own
        process.compute()
        alive = watch._read().own
        assert alive - before > 0.3
    # When it has ended, its time counts once.
    ended = speed._watch(1, list)._read().own
    assert ended == pytest.approx(alive, abs=0.2)


def test_a_system_without_such_clocks_gets_the_reference(monkeypatch, tmp_path):
    monkeypatch.setattr(quiet, "_TIMES", tmp_path / "none")
    assert isinstance(speed._watch(1, list), ReferenceWatch)


# --- contestants


def test_rows_have_ids_of_their_own_and_are_chosen_by_them():
    ids = [contestant.id for contestant in CONTESTANTS]
    assert len(set(ids)) == len(ids)
    assert choose(()) == CONTESTANTS
    assert [c.id for c in choose(["srup-auto", "torch-float32"])] == [
        "torch-float32",
        "srup-auto",
    ]
    with pytest.raises(ConfigError, match="no row called 'torch'"):
        choose(["srup-auto", "torch"])


def task(name: str, weights: Path) -> Task:
    (contestant,) = choose([name])
    return Task(contestant, weights, Sample(12, 10).read(10))


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("torch-float32", "torch"),
        ("onnxruntime-float32", "onnxruntime"),
        ("srup-onnxruntime", "onnxruntime"),
        ("srup-torch", "torch"),
        ("srup-auto", "openvino"),
    ],
)
def test_a_row_says_what_computed(name, engine, weights):
    ran = open_contestant(task(name, weights))()
    assert ran.engine == engine
    assert ran.precision in ("float32", "bfloat16")


def test_a_picture_too_large_for_a_peer_is_called_so(weights, monkeypatch):
    def full():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(contestants, "open_peer", lambda *_: full)
    run_it = open_contestant(task("torch-float32", weights))
    with pytest.raises(OutOfMemoryError, match="whole picture doesn't fit"):
        run_it()


def test_a_row_that_fails_midway_is_no_row(weights, monkeypatch):
    compute, left = Processes.compute, 3

    def failing(self, name):
        nonlocal left
        left -= 1
        if left < 0:
            raise FailedError("The system ended it")
        return compute(self, name)

    monkeypatch.setattr(Processes, "compute", failing)
    monkeypatch.setattr(PeakMeter, "measure", lambda *_: None)
    monkeypatch.setattr(speed, "_SETTLE", 0.0)
    workload = Workload(load_model(str(weights)), 8, 8, 3, ("onnxruntime-float32",))
    progress = []
    found = speed.measure(workload, PeakMeter(1), lambda *at: progress.append(at))
    (only,) = found.rows
    assert only.not_measured == "The system ended it"
    assert (only.turns, only.ran, only.memory) == ((), None, None)
    assert document(found)["ratio_to_best_peer"] == {}
    assert progress[-1] == (4, 4)


def test_the_fast_mode_is_not_measured_twice():
    assert speed.FAST == "espcn"
    workload = Workload(load_model("espcn"), 4, 4)
    contest = speed._Contest(workload, PeakMeter(1))
    assert "srup-auto" in contest.rows
    assert "srup-espcn" not in contest.rows
    asked_for = replace(workload, only=("srup-espcn",))
    assert list(speed._Contest(asked_for, PeakMeter(1)).rows) == ["srup-espcn"]


def test_the_fast_mode_is_counted_by_its_own_arithmetic(weights):
    workload = Workload(
        load_model(str(weights)), 4, 4, only=("srup-auto", "srup-espcn")
    )
    rows = speed._Contest(workload, PeakMeter(1)).rows
    assert rows["srup-auto"].flops == 2 * 16 * (81 * 24 * 17 + 9 * 64 * 5 + 5 * 9 * 256)
    assert rows["srup-espcn"].flops == 2 * 16 * (3 + 1600 + 64 * 32 * 9 + 32 * 16 * 9)


# --- the peak


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_peak_is_measured(precision, monkeypatch):
    monkeypatch.setattr(peak, "_SIDES", (16, 24))
    openvino = pytest.importorskip("openvino")
    native = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bfloat16" and "BF16" not in native:
        pytest.skip("this CPU has no bfloat16 instructions")
    found = peak.open_peak(precision, cores=2, seconds=0.01)()
    assert 1e8 < found.flops_per_second < 1e15
    assert found.side in peak._SIDES
    assert found.streams in (1, 2)


def test_the_lower_half_of_a_float_is_rounded_to_even():
    values = np.array([1.0, -2.0, 1.00390625, 1.01171875, 3.0e38, 1e-40], np.float32)
    torch = pytest.importorskip("torch")
    expected = torch.tensor(values).bfloat16().view(torch.uint16).numpy()
    assert np.array_equal(peak._bfloat16(values), expected)


def test_without_openvino_there_is_no_peak(monkeypatch):
    meter = PeakMeter(1)
    monkeypatch.setattr(
        meter.processes, "get_ready", lambda _: raise_failed("openvino is missing")
    )
    assert meter.measure("float32") is None
    assert meter.not_measured == "openvino is missing"
    assert meter.measure("bfloat16") is None


def raise_failed(reason: str) -> None:
    raise FailedError(reason)


# --- the picture


@settings(max_examples=30)
@given(
    st.integers(1, 700), st.integers(1, 500), st.lists(st.integers(1, 200), max_size=4)
)
def test_a_sample_is_the_same_however_it_is_read(width, height, steps):
    whole = Sample(width, height).read(height)
    assert whole.shape == (height, width, 3)
    source = Sample(width, height)
    bands = [source.read(step) for step in (*steps, height)]
    assert np.array_equal(np.concatenate(bands), whole)
    assert source.read(5).shape == (0, width, 3)


def test_a_sample_has_no_seams_and_texture(monkeypatch, tmp_path):
    photo = Sample(900, 600).read(600)
    assert np.array_equal(photo[:200, :300], photo[200:400, :300][::-1])
    assert photo.std() > 20
    monkeypatch.setattr(sample, "EXAMPLE", tmp_path / "none.jpg")
    made_up = Sample(300, 300).read(300)
    assert not np.array_equal(made_up, photo[:300, :300])
    assert made_up.std() > 20


# --- sizes


def test_the_law_is_found(weights):
    points = tuple(Point(size, 3.0 * size**1.1) for size in (1.0, 4.0, 16.0))
    failed = Point(64.0, not_measured="The system ended it")
    found = Scaling("tiny", Ran("openvino", "float32"), (*points, failed))
    assert found.law == pytest.approx((1.1, 3.0))
    assert found.law_at_one_clock is None
    assert replace(found, points=points[:1]).law is None


def test_the_law_at_one_clock_knows_how_fast_the_machine_was():
    # The larger picture was measured while the clock was at half its pace.
    slow, fast = Peak(1e12, 64, 1), Peak(2e12, 64, 1)
    points = (Point(1.0, 1.0, 1, (fast, fast)), Point(4.0, 8.0, 1, (slow, slow)))
    found = Scaling("tiny", Ran("openvino", "float32"), points)
    assert found.law is not None
    assert found.law_at_one_clock is not None
    assert found.law[0] == pytest.approx(1.5)
    assert found.law_at_one_clock[0] == pytest.approx(1.0)


def test_a_size_that_fails_is_named(weights, monkeypatch):
    def compute(_, side):
        if side > 50:
            raise_failed("The system ended it")
        return scaling.Answer(Ran("openvino", "float32"), 1.0, None, 0)

    monkeypatch.setattr(scaling, "_compute", compute)
    monkeypatch.setattr(scaling, "_PROBE", 8)
    monkeypatch.setattr(PeakMeter, "measure", lambda *_: None)
    model = load_model(str(weights))
    found = scaling.measure_scaling(model, (0.01, 0.002), PeakMeter(1))
    assert found.points == (
        Point(0.002, 1.0),
        Point(0.01, not_measured="The system ended it"),
    )


def test_the_plot_has_points_and_law(tmp_path):
    points = tuple(Point(size, 2.0 * size) for size in (1.0, 4.0, 16.0))
    found = Scaling("tiny", Ran("openvino", "bfloat16"), points)
    figure = scaling_plot.draw(found)
    (axes,) = figure.axes
    measured, law = axes.lines
    assert list(measured.get_xdata()) == [1.0, 4.0, 16.0]
    assert list(measured.get_ydata()) == [2.0, 8.0, 32.0]
    assert list(law.get_ydata()) == pytest.approx([2.0, 8.0, 32.0])
    assert law.get_label() == "seconds ∝ megapixels^1.000"
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    scaling_plot.save(figure, tmp_path / "sizes.svg")
    assert "<svg" in (tmp_path / "sizes.svg").read_text(encoding="utf-8")
    with pytest.raises(DataError, match="Cannot write"):
        scaling_plot.save(figure, tmp_path / "none" / "sizes.png")


def test_with_nothing_measured_there_is_nothing_to_draw():
    failed = (Point(1.0, not_measured="The system ended it"),)
    with pytest.raises(DataError, match="The system ended it"):
        scaling_plot.draw(Scaling("tiny", Ran("openvino", "float32"), failed))


# --- what is refused, before any work


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["--size", "40"], 2, "no size such as 1024x768"),
        (["--size", "0x3"], 2, "no size such as 1024x768"),
        (["--plot-sizes", "1,x"], 2, "no megapixels such as 1,4,16"),
        (["--plot-sizes", "0"], 2, "no megapixels such as 1,4,16"),
        (["--only", "tensorflow"], 1, "no row called 'tensorflow'"),
        (["--plot", "sizes.jpg"], 1, "plots are PNG or SVG"),
        (["--plot", "none/sizes.png"], 1, "there is no folder none"),
        (["--json", "none/speed.json"], 1, "there is no folder none"),
        (["-m", "nobody"], 1, "no model called 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments, status, reason, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "speed", *arguments])
    assert stopped.value.code == status
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_there_is_no_plot(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling_plot, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"srup\[watch\]"):
        scaling_plot.check_plot(tmp_path / "sizes.png")
