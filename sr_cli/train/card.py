"""A model's card: what it is, what it was measured at, how to make it again."""

from collections.abc import Sequence
from dataclasses import fields

from sr_cli import __version__
from sr_cli.bench.report import ModelScore, Result
from sr_cli.train.config import TrainConfig
from sr_cli.train.export import TrainingFacts


def _named(result: Result, model_id: str) -> ModelScore:
    return next(row for row in result.models if row.id == model_id)


def _figures(model_id: str, results: Sequence[Result]) -> list[str]:
    """Tabulate the model's figures beside bicubic's."""
    lines = [
        "| set | pictures | PSNR | SSIM | bicubic PSNR | bicubic SSIM |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        own, plain = _named(result, model_id), _named(result, "bicubic")
        rows = [(result.dataset, own.scores.psnr_y, own.scores.ssim_y)]
        baseline = [(plain.scores.psnr_y, plain.scores.ssim_y)]
        if any(image.gray for image in own.images):
            scores = own.scores, plain.scores
            here, there = ((s.psnr_y_gray_as_rgb, s.ssim_y_gray_as_rgb) for s in scores)
            rows.append((f"{result.dataset}, gray as RGB", *here))
            baseline.append(there)
        for (name, psnr, ssim), (psnr_0, ssim_0) in zip(rows, baseline, strict=True):
            lines.append(
                f"| {name} | {len(own.images)} | **{psnr:.2f}** | **{ssim:.4f}** "
                f"| {psnr_0:.2f} | {ssim_0:.4f} |"
            )
    return lines


def _recipe(facts: TrainingFacts) -> list[str]:
    """Set the recipe beside the paper's (Ledig et al. 2017, section 3.2)."""
    config = facts.config
    crops = f"{config.batch} crops of {config.crop}×{config.crop}"
    photos = "" if facts.photos is None else f"{facts.photos:,} photos "
    updates = f"{facts.steps:,}"
    if facts.steps < config.steps:
        updates += f" of {config.steps:,} planned"
    black, white = config.architecture.output_range
    rows = [
        ("blocks × channels", f"{config.blocks} × {config.channels}", "16 × 64"),
        ("normalisation", config.normalization, "batch"),
        ("photos", f"{photos}({facts.data or 'unknown'})", "350,000 of ImageNet"),
        ("batch", crops, "16 crops of 96×96"),
        ("loss", config.loss, "mse"),
        ("optimiser", config.optimizer, "adam"),
        ("learning rate", f"{config.learning_rate:g}", "0.0001"),
        ("updates", updates, "1,000,000"),
        (
            "averaging of weights",
            f"EMA {config.ema:g}" if config.ema else "none",
            "none",
        ),
        ("precision of convolutions", config.precision, "float32"),
        ("range of the output", f"[{black:g}, {white:g}]", "[-1, 1]"),
    ]
    lines = ["| | here | the paper |", "|---|---|---|"]
    for name, here, paper in rows:
        mark = "" if here == paper else "**"
        lines.append(f"| {name} | {mark}{here}{mark} | {paper} |")
    return lines


def train_command(facts: TrainingFacts) -> str:
    """Return the command that trains with the settings of `facts` from the start."""
    words = ["srup train", facts.config.network, f"--data {facts.data or 'PHOTOS'}"]
    for field in fields(TrainConfig):
        value = getattr(facts.config, field.name)
        if field.name != "network" and value != field.default:
            words.append(f"--{field.name.replace('_', '-')} {value}")
    if facts.steps < facts.config.steps:
        words.append(f"--stop-at {facts.steps}")
    return " ".join(words)


def render_card(
    model_id: str,
    facts: TrainingFacts,
    sha256: str,
    results: Sequence[Result],
    notes: str = "",
) -> str:
    """Write the card of `model_id` in Markdown.

    Args:
        model_id: under which the model stands in `results`.
        facts: how it was trained.
        sha256: of its weights.
        results: at least one measured set, with the model and bicubic in it.
        notes: what the settings alone don't tell, such as earlier sittings with
            other ones.
    """
    first = _named(results[0], model_id)
    sets = " ".join(result.dataset for result in results)
    lines = [
        f"# {model_id}",
        "",
        f"Makes pictures {results[0].scale}x larger: the generator of Ledig et al., "
        '"Photo-realistic single image super-resolution using a generative adversarial '
        'network" (2017), trained for fidelity by srup itself.',
        "",
        f"- file: `{model_id}.safetensors`",
        f"- sha256: `{sha256}`",
        "- licence: MIT",
        f"- made with: srup {__version__}, {facts.hours:g} hours of training",
        "",
        "## Figures",
        "",
        "PSNR in dB and SSIM on luma (Y of BT.601), small pictures made with "
        f"MATLAB's bicubic, {results[0].scale} pixels of border left out, mean of the "
        f"pictures' figures, computed by {first.engine} in {first.precision}.",
        "",
        *_figures(model_id, results),
        "",
        "## Recipe",
        "",
        *_recipe(facts),
        "",
        *(["## Notes", "", notes, ""] if notes else []),
        "## Make it again",
        "",
        "```",
        train_command(facts),
        f"srup bench {sets} -m {model_id} --engine {first.engine} "
        f"--precision {first.precision}",
        "```",
        "",
    ]
    return "\n".join(lines)
