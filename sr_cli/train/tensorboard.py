"""The run's diary for TensorBoard: `tensorboard --logdir RUN/tensorboard`."""

from pathlib import Path
from types import TracebackType

from sr_cli.errors import ConfigError, DataError
from sr_cli.train.log import Summary
from sr_cli.train.reports import ValidationReport


class TensorBoardWriter:
    """Writes scalars and sample strips; a context manager.

    It takes the lines of the log rather than every update: a million updates would
    make a file of half a gigabyte, of which TensorBoard shows a thousand points.

    Args:
        folder: where to; made if it is missing.
        step: the updates that are done; later ones, written before a crash, are
            hidden, as they are about to be lived again.

    Raises:
        ConfigError: TensorBoard is not installed.
        DataError: the folder can't be written.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "TensorBoard is not installed, an optional part of srup",
                "Install it: pip install 'srup[watch]'",
            ) from error
        self._folder = folder
        try:
            self._writer = SummaryWriter(folder, purge_step=step + 1)
        except OSError as error:
            raise self._refusal(error) from error

    def __enter__(self) -> "TensorBoardWriter":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, line: Summary | ValidationReport | None) -> None:
        """Write what `RunLog` wrote, if anything.

        Raises:
            DataError: the disk refuses.
        """
        try:
            if isinstance(line, Summary):
                self._add_updates(line)
            elif line is not None:
                self._add_validation(line)
        except OSError as error:
            raise self._refusal(error) from error

    def close(self) -> None:
        """Write what is pending.

        Raises:
            DataError: the disk refuses.
        """
        try:
            self._writer.close()
        except OSError as error:
            raise self._refusal(error) from error

    def _add_updates(self, line: Summary) -> None:
        scalars = {f"loss/{name}": value for name, value in line.losses.items()}
        scalars["updates/learning rate"] = line.learning_rate
        scalars["updates/seconds"] = line.seconds
        if line.gradient_norm is not None:
            scalars["updates/gradient norm"] = line.gradient_norm
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, line.step)

    def _add_validation(self, line: ValidationReport) -> None:
        self._writer.add_scalar("validation/PSNR (Y)", line.psnr_y, line.step)
        if line.strip is not None:
            self._writer.add_image(
                "validation/bicubic, now, truth",
                line.strip,
                line.step,
                dataformats="HWC",
            )

    def _refusal(self, error: OSError) -> DataError:
        return DataError(
            f"Cannot write to {self._folder} ({error.strerror or error})",
            "Make room there, or leave --tensorboard out",
        )
