"""What changed a result's pixels besides the model, in words."""

from sr_cli.enlarge import Recipe


def settings(recipe: Recipe) -> str:
    """Return what is asked for, as on the command line; empty where nothing is."""
    sizing = recipe.sizing
    sides = {"width": sizing.width, "height": sizing.height}
    flags = {
        "ensemble": recipe.ensemble,
        "faithful": recipe.faithful,
        "to-srgb": recipe.to_srgb,
    }
    words = [f"--scale {sizing.scale}"] if sizing.scale is not None else []
    words += [f"--fit {sizing.fit[0]}x{sizing.fit[1]}"] if sizing.fit else []
    words += [f"--{name} {side}" for name, side in sides.items() if side]
    words += [f"--{name}" for name, given in flags.items() if given]
    return " ".join(words)
