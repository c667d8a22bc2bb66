"""Every error that srup raises on purpose.

SrupError
├── PictureError      a picture can't be read, or a result can't be written
├── ModelError        a model is unknown, or doesn't fit what was asked of it
│   └── WeightsError  a weights file is missing, damaged or not what it claims
├── DeviceError       a device or an engine that was asked for can't be had
├── OutOfMemoryError  an engine ran out of memory; a smaller tile may still work
├── DataError         a dataset or a training folder is missing or unusable
└── ConfigError       settings contradict one another

Each carries what happened and a hint: what to do about it.  Only `sr_cli.cli`
turns them into messages and exit codes.
"""


class SrupError(Exception):
    """An error with a remedy.

    Args:
        message: what happened, one sentence without a full stop.
        hint: what to do about it, one sentence without a full stop.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}."


class PictureError(SrupError):
    """A picture can't be read, or a result can't be written."""


class ModelError(SrupError):
    """A model is unknown, or doesn't fit what was asked of it."""


class WeightsError(ModelError):
    """A weights file is missing, damaged or not what it claims to be."""


class DeviceError(SrupError):
    """A device or an engine that was asked for can't be had."""


class OutOfMemoryError(SrupError):
    """An engine ran out of memory; a smaller tile may still work."""


class DataError(SrupError):
    """A dataset or a training folder is missing or unusable."""


class ConfigError(SrupError):
    """Settings contradict one another."""
