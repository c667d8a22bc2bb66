"""A model's card: what it is, what it was measured at, how to make it again."""

from collections.abc import Sequence
from dataclasses import fields

from sr_cli import __version__
from sr_cli.bench.report import ModelScore, Result
from sr_cli.train.config import TrainConfig
from sr_cli.train.export import TrainingFacts
from sr_cli.train.presets import preset


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


def _content(config: TrainConfig) -> str:
    """Say what is minimised, but for the adversary."""
    terms = [config.content]
    if config.features:
        terms = [f"{config.content} ({config.feature_distance})"]
        if config.feature_scale != 1.0:
            terms[0] += f", features × {config.feature_scale:.4g}"
    if config.content_weight != 1.0:
        terms[0] = f"{config.content_weight:g} × {terms[0]}"
    if config.pixel_weight:
        terms.append(f"{config.pixel_weight:g} × l1 of pixels")
    if config.consistency_weight:
        terms.append(f"{config.consistency_weight:g} × l1 of means")
    if config.lattice_weight:
        terms.append(f"{config.lattice_weight:g} × lattice")
    if config.variation_weight:
        terms.append(f"{config.variation_weight:g} × total variation")
    return " + ".join(terms)


def _schedule(config: TrainConfig) -> str:
    rate = f"{config.learning_rate:g}"
    if config.warmup:
        rate += f", {config.warmup:,} of warm-up"
    if config.decay == 0:
        return rate
    drops = config.schedule == "drop"
    every = "the last half" if drops else "all"
    last = every if config.decay is None else f"the last {config.decay:,}"
    how = "a tenth in" if drops else "a cosine to 0 over"
    return f"{rate}, {how} {last}"


def _settings(config: TrainConfig) -> dict[str, str]:
    """Describe what a reader compares between two recipes."""
    black, white = config.architecture.output_range
    deep = config.network in ("srresnet", "srgan")
    rows = {}
    if deep:
        rows["blocks × channels"] = f"{config.blocks} × {config.channels}"
        rows["normalisation"] = config.normalization
    batch = config.batch * config.accumulate
    rows["batch"] = f"{batch} crops of {config.crop}×{config.crop}"
    rows["crops taken"] = {"uniform": "anywhere", "texture": "rather where texture is"}[
        config.sampling
    ]
    rows["content loss"] = _content(config)
    if config.adversarial:
        rows["adversarial loss"] = f"{config.adversarial_weight:g} × {config.gan}"
        width = config.discriminator_channels
        rows["discriminator"] = f"{config.discriminator}, {width} channels"
    rows["optimiser"] = f"{config.optimizer}, β₂ {config.beta2:g}"
    rows["learning rate"] = _schedule(config)
    rows["averaging of weights"] = f"EMA {config.ema:g}" if config.ema else "none"
    rows["range of the output"] = f"[{black:g}, {white:g}]"
    return rows


def _recipe(facts: TrainingFacts) -> list[str]:
    """Tell the recipe, beside the paper's for SRResNet and SRGAN.

    Dong et al. and Shi et al. trained in ways that a table of these rows can't tell.
    """
    config = facts.config
    photos = "" if facts.photos is None else f"{facts.photos:,} photos "
    updates = f"{facts.steps:,}"
    if facts.steps < config.steps:
        updates += f" of {config.steps:,} planned"
    here = _settings(config) | {
        "low resolution": config.degradation,
        "photos": f"{photos}({facts.data or 'unknown'})",
        "drawn pages": str(config.drawings or "none"),
        "began with": facts.init or "chance",
        "updates": updates,
        "precision of convolutions": config.precision,
    }
    if facts.features:
        here["feature network"] = "; ".join(facts.features)
    if config.network in ("srcnn", "espcn"):
        rows = [f"| {name} | {value} |" for name, value in here.items()]
        return ["| | here |", "|---|---|", *rows]
    pixels = None if config.features else config.content
    theirs = preset(config.network, "paper", pixels if config.adversarial else None)
    paper = _settings(theirs) | {
        "low resolution": "bicubic",
        "photos": "350,000 of ImageNet",
        "drawn pages": "none",
        "began with": "SRResNet-MSE" if config.adversarial else "chance",
        "updates": f"{theirs.steps:,}",
        "precision of convolutions": "float32",
        "feature network": "VGG19",
    }
    lines = ["| | here | the paper |", "|---|---|---|"]
    for name, value in here.items():
        mark = "" if value == paper[name] else "**"
        lines.append(f"| {name} | {mark}{value}{mark} | {paper[name]} |")
    return lines


_WHAT = {
    "srresnet": 'the generator of Ledig et al., "Photo-realistic single image '
    'super-resolution using a generative adversarial network" (2017), trained for '
    "fidelity by srup itself.",
    "srgan": 'the generator of Ledig et al., "Photo-realistic single image '
    'super-resolution using a generative adversarial network" (2017), trained '
    "against a discriminator by srup itself: crisp, with details that it invents.",
    "srcnn": 'the network of Dong et al., "Image super-resolution using deep '
    'convolutional networks" (2014), on luma, as a correction of the bicubic '
    "enlargement, trained by srup itself.",
    "espcn": 'the network of Shi et al., "Real-time single image and video '
    "super-resolution using an efficient sub-pixel convolutional neural "
    'network" (2016), on luma, as a correction of the bicubic enlargement, trained by '
    "srup itself.",
}


def train_command(facts: TrainingFacts) -> str:
    """Return the command that trains with the settings of `facts` from the start."""
    config = facts.config
    words = ["srup train", config.network, f"--data {facts.data or 'PHOTOS'}"]
    if facts.init:
        words.append(f"--init {facts.init.split()[0]}")
    given = preset(config.network, config.preset, config.content)
    usual = preset(config.network, config.preset).content
    chosen = {
        "preset": config.preset != "srup",
        "content": config.content != usual,
    }
    for field in fields(TrainConfig):
        value = getattr(config, field.name)
        if chosen.get(field.name, value != getattr(given, field.name)):
            words.append(f"--{field.name.replace('_', '-')} {value}")
    if facts.steps < config.steps:
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
        f"Makes pictures {results[0].scale}x larger: {_WHAT[facts.config.network]}",
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
