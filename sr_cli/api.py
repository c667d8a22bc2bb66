"""srup for Python programs: `from sr_cli import Upscaler`."""

import logging
from dataclasses import replace
from fractions import Fraction
from math import inf
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray

from sr_cli import __version__, upscale
from sr_cli.engines import Device, Engine, EngineChoice, EngineName, Precision
from sr_cli.enlarge import Recipe, enlarged
from sr_cli.enlarge.settings import settings
from sr_cli.enlarge.sizing import Sizing
from sr_cli.errors import ConfigError, PictureError
from sr_cli.fetch import Telling
from sr_cli.jobs import Job, Outcome, Output, run_job
from sr_cli.picture import Header, Picture, PictureSource
from sr_cli.picture.arrays import from_array, to_array
from sr_cli.picture.header import Samples
from sr_cli.picture.pil import PillowImage, float_image, from_pillow, to_pillow
from sr_cli.picture.provenance import Provenance
from sr_cli.tiles import Tiling
from sr_cli.upscale import Progress, Say
from sr_cli.weights import Model, load_between, load_model

Factor = int | float | Fraction
Kind = TypeVar("Kind", NDArray[np.uint8], NDArray[np.uint16], PillowImage)

_LOG = logging.getLogger("sr_cli")
_SMALLEST_TILE = 16


class Upscaler:
    """Makes pictures larger: files, arrays and Pillow's images.

    It loads a model and makes an engine ready once, which takes up to seconds, so keep
    it.  It may be used from several threads at once; each picture in work takes memory
    of its own, and two or three keep a machine busy.

    Args:
        model: what `srup upscale -m` takes: an id such as `srresnet` or `srgan`, the
            folder of a training run, a weights file, or `hf:owner/name`.
        device: where to compute; auto takes a GPU when there is one.
        engine: what computes; auto takes the fastest that is installed.
        precision: auto takes 16 bits where the hardware is made for them and the model
            loses at most 0.01 dB by it.
        tile: largest side of the tiles that large pictures are cut into, in pixels, at
            least 16; None leaves it to srup.
        overlap: pixels that neighbouring tiles share and blend; None for 20.
        exact: overlap tiles so far that they equal the untiled result.
        offline: don't look for models on the network.
        strength: from 0, faithful like srresnet, to 1, like the model; None for 1.
        say: told, in sentences, when something other than asked is done, such as
            smaller tiles where memory is short, or a colour profile that is of no use;
            by default a warning of the logger `sr_cli`.

    Raises:
        ModelError, WeightsError: there is no such model, or its weights can't be had.
        DeviceError: the device, the engine or the precision can't be had.
        ConfigError: settings make no sense.
    """

    def __init__(
        self,
        model: str | PathLike[str] = "srresnet",
        *,
        device: Literal["auto"] | Device = "auto",
        engine: Literal["auto"] | EngineName = "auto",
        precision: Literal["auto"] | Precision = "auto",
        tile: int | None = None,
        overlap: int | None = None,
        exact: bool = False,
        offline: bool = False,
        strength: float | None = None,
        say: Say = _LOG.warning,
    ) -> None:
        _check_choice("device", device, get_args(Device))
        _check_choice("engine", engine, get_args(EngineName))
        _check_choice("precision", precision, get_args(Precision))
        _check_range("tile", tile, _SMALLEST_TILE)
        _check_range("overlap", overlap, 0)
        _check_range("strength", strength, 0, 1)
        name, telling = str(model), Telling(on_say=say)
        if strength is None:
            self._model = load_model(name, offline=offline, telling=telling)
        else:
            self._model = load_between(name, strength, offline=offline, telling=telling)
        self._strength, self._say = strength, say
        self._upscaler = upscale.Upscaler(
            self._model.network,
            EngineChoice(engine, device, precision),
            Tiling(tile, overlap, exact),
            say,
        )

    def __repr__(self) -> str:
        engine = self.engine
        return (
            f"<Upscaler {self.model.id!r}, {self.scale}x: "
            f"{engine.name} on {engine.device} in {engine.precision}>"
        )

    @property
    def scale(self) -> int:
        """How many times as long each side becomes, if nothing else is asked for."""
        return self._upscaler.scale

    @property
    def model(self) -> Model:
        """The model, with its `id`, its file's `path` and `sha256`."""
        return self._model

    @property
    def engine(self) -> Engine:
        """What computes, with its `name`, `device` and `precision`."""
        return self._upscaler.engine

    @overload
    def upscale(
        self,
        picture: Kind,
        *,
        scale: Factor | None = None,
        width: int | None = None,
        height: int | None = None,
        fit: tuple[int, int] | None = None,
        ensemble: bool = False,
        faithful: bool = False,
        on_progress: Progress = ...,
    ) -> Kind: ...

    @overload
    def upscale(
        self,
        picture: NDArray[np.floating[Any]],
        *,
        scale: Factor | None = None,
        width: int | None = None,
        height: int | None = None,
        fit: tuple[int, int] | None = None,
        ensemble: bool = False,
        faithful: bool = False,
        on_progress: Progress = ...,
    ) -> NDArray[np.float32]: ...

    def upscale(
        self,
        picture: NDArray[Any] | PillowImage,
        *,
        scale: Factor | None = None,
        width: int | None = None,
        height: int | None = None,
        fit: tuple[int, int] | None = None,
        ensemble: bool = False,
        faithful: bool = False,
        on_progress: Progress = lambda *_: None,
    ) -> NDArray[Any] | PillowImage:
        """Return a picture larger, as the same kind of thing.

        Args:
            picture: an array (H, W) or (H, W, 1) of gray, (H, W, 3) of RGB, or (H, W,
                2 or 4) with alpha last, which is not multiplied in: uint8 or uint16
                from black to white, or floats from 0 to 1, which are kept to 16 bits.
                Or an image of Pillow's, which is taken as it lies; its colour profile
                is heeded.
            scale: times as long, each side; the model's own by default, at most 64.
            width: exactly so many pixels wide; the height follows unless it is given.
            height: exactly so many pixels high.
            fit: width and height of a box; as large as fits into it.
            ensemble: average eight results, turned and mirrored.
            faithful: make the result agree with the picture when made smaller again.
            on_progress: called with how many parts of how many are done.

        Returns:
            An array of the same type and number of axes, of floats always float32; or
            an image, with what the picture's `info` says.  Bilevel images come back as
            L, those of palettes, YCbCr and HSV as RGB, or as LA and RGBA where there
            is transparency; gray of 16 bits with a transparent shade in 8 bits.

        Raises:
            PictureError: `picture` is nothing of that.
            ConfigError: the size can't be met, or wishes contradict each other.
            ModelError: the weights give no numbers.
            OutOfMemoryError: not even the smallest tiles fit.
        """
        recipe = Recipe(_sizing(scale, width, height, fit), ensemble, faithful)
        if isinstance(picture, np.ndarray):
            samples, _ = self._enlarged(from_array(picture), recipe, on_progress)
            return to_array(samples, picture)
        if not isinstance(picture, PillowImage):
            raise PictureError(
                f"{type(picture).__name__} is no picture",
                "Give an array or an image of Pillow's; for files there is "
                "upscale_file(source, target)",
            )
        if picture.mode == "F":
            values = from_array(np.asarray(picture))
            samples, _ = self._enlarged(values, recipe, on_progress)
            return float_image(to_array(samples, np.asarray(picture)), picture)
        found = from_pillow(picture)
        if found.alpha is not None:
            recipe = replace(recipe, depth=8)  # Pillow's only depth with alpha
        return to_pillow(*self._enlarged(found, recipe, on_progress), picture)

    def _enlarged(
        self, picture: Picture, recipe: Recipe, on_progress: Progress
    ) -> tuple[Samples, Header]:
        """Return the result's samples (H, W, C), alpha last, and its facts."""
        source = PictureSource(picture)
        header, bands = enlarged(source, self._upscaler, recipe, on_progress)
        for note in header.notes:
            self._say(f"{note}.")
        samples = np.empty((header.height, header.width, header.samples), header.dtype)
        top = 0
        for band in bands:
            samples[top : top + len(band)] = band
            top += len(band)
        return samples, header

    def upscale_file(
        self,
        source: str | PathLike[str],
        target: str | PathLike[str],
        *,
        format: str | None = None,
        quality: int | None = None,
        overwrite: bool = False,
        scale: Factor | None = None,
        width: int | None = None,
        height: int | None = None,
        fit: tuple[int, int] | None = None,
        ensemble: bool = False,
        faithful: bool = False,
        to_srgb: bool = False,
        page: int | None = None,
        strip: bool = False,
        tag: bool = True,
        on_progress: Progress = lambda *_: None,
    ) -> Outcome:
        """Read a file, and write it larger, as `srup upscale` does.

        The picture streams from file to file, whatever its size.  The target is
        written whole or not at all.

        Args:
            source: a file of any common format.
            target: where to write.
            format: its format, such as `png` or `webp`; None goes by its suffix.
            quality: from 1 to 100, of formats that have it.
            overwrite: replace the target if it exists.
            scale: this and the following are as in `upscale`.
            width: see there.
            height: see there.
            fit: see there.
            ensemble: see there.
            faithful: see there.
            to_srgb: convert to sRGB, instead of keeping the colour profile.
            page: which picture of a file with several, from 1; None takes the first,
                and all frames of an animation.
            strip: leave out EXIF, XMP, IPTC and texts.
            tag: note in the file which model made it.
            on_progress: as in `upscale`, or frames of an animation.

        Returns:
            The result's size, the seconds it took, and in its `notes` what of the
            source the target's format could not hold.

        Raises:
            PictureError: the source can't be read or the target can't be written.
            ConfigError, ModelError, OutOfMemoryError: as `upscale`.
        """
        _check_range("page", page, 1)
        _check_range("quality", quality, 1, 100)
        sizing = _sizing(scale, width, height, fit)
        recipe = Recipe(sizing, ensemble, faithful, to_srgb)
        model = self.model
        signature = Provenance(
            model.id, model.sha256, __version__, self._strength, settings(recipe)
        )
        output = Output(
            format,
            quality,
            overwrite,
            recipe=recipe,
            page=page,
            strip=strip,
            provenance=signature if tag else None,
        )
        job = Job(Path(source), Path(target))
        return run_job(job, self._upscaler, output, on_progress)


def _sizing(
    scale: Factor | None,
    width: int | None,
    height: int | None,
    fit: tuple[int, int] | None,
) -> Sizing:
    for name, side in (("width", width), ("height", height)):
        _check_range(name, side, 1)
    for side in fit or ():
        _check_range("side of the box to fit", side, 1)
    try:
        # By its digits: 1.1 is eleven tenths.
        factor = None if scale is None else Fraction(str(scale))
    except ValueError as error:
        raise ConfigError(
            f"A scale of {scale} is none", "Give a number such as 2 or 1.5"
        ) from error
    return Sizing(factor, width, height, fit)


def _check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in ("auto", *known):
        raise ConfigError(
            f"There is no {what} {value!r}", f"Choose auto, {' or '.join(known)}"
        )


def _check_range(
    what: str, value: float | None, least: float, most: float = inf
) -> None:
    if value is not None and not least <= value <= most:
        upwards = f"at least {least}" if most == inf else f"{least} to {most}"
        raise ConfigError(f"A {what} of {value} is out of range", f"Choose {upwards}")
