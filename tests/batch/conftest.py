"""An upscaler that is quick, and a batch that uses it."""

import pytest

from batches import Batch
from sr_cli.engines import EngineChoice
from sr_cli.upscale import Upscaler


@pytest.fixture
def upscaler(tiny_network) -> Upscaler:
    return Upscaler(tiny_network, EngineChoice("onnxruntime", "cpu"))


@pytest.fixture
def batch(upscaler) -> Batch:
    return Batch([upscaler])
