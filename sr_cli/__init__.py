"""srup: make images 4x larger with SRResNet and SRGAN.

Programs need one name of it, `from sr_cli import Upscaler`, and to handle what can go
wrong, `SrupError` or one of its kinds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sr_cli.errors import (
    ConfigError,
    DataError,
    DeviceError,
    ModelError,
    OutOfMemoryError,
    PictureError,
    SrupError,
    WeightsError,
)

if TYPE_CHECKING:
    from sr_cli.api import Upscaler
    from sr_cli.jobs import Outcome

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "DataError",
    "DeviceError",
    "ModelError",
    "OutOfMemoryError",
    "Outcome",
    "PictureError",
    "SrupError",
    "Upscaler",
    "WeightsError",
    "__version__",
]

# numpy and Pillow alone would double the time that `srup --help` takes.
_HEAVY = {"Upscaler": "sr_cli.api", "Outcome": "sr_cli.jobs"}

# Type checkers would take it for a promise of any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HEAVY:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(_HEAVY[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HEAVY})
