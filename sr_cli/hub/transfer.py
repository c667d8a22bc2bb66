"""The bytes of a large file, over the session of the Hub's client.

The client alone forgets what an interrupted download has got, and of what comes over
HTTP it compares nothing but the size.
"""

import re
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.utils import (
    build_hf_headers,
    hf_raise_for_status,
    http_stream_backoff,
)

from sr_cli import __version__
from sr_cli.errors import WeightsError
from sr_cli.fetch import Patience, Telling
from sr_cli.fetch.disk_space import check_space, readable
from sr_cli.fetch.one_at_a_time import one_at_a_time
from sr_cli.fetch.part import Part
from sr_cli.hub.names import HubName
from sr_cli.hub.patience import patiently
from sr_cli.hub.refusals import CutError

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be received."""

    name: HubName
    url: str
    blob: Path
    """Where to; the file's name is the sha256 of its content."""
    size: int
    """In bytes."""
    telling: Telling


def _append(part: Part, errand: Errand) -> None:
    """Ask for what `part` lacks, and append it."""
    headers = build_hf_headers(library_name="srup", library_version=__version__)
    headers["Accept-Encoding"] = "identity"  # sizes and ranges are of the file itself
    if part.done:
        headers["Range"] = f"bytes={part.done}-"
    with http_stream_backoff(
        "GET",
        errand.url,
        headers=headers,
        timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        # `patiently` tries again, and goes on where this ends.
        retry_on_exceptions=(),
        retry_on_status_codes=(),
    ) as response:
        if response.status_code == 416:
            part.restart()
            raise CutError("what had come is not the beginning of the file")
        hf_raise_for_status(response)
        start = f"bytes {part.done}-"
        if not response.headers.get("Content-Range", "").startswith(start):
            part.restart()
            if response.status_code == 206:
                raise CutError("the answer is another part of the file")
        errand.telling.on_bytes(part.done, errand.size)
        for block in response.iter_bytes():
            part.append(block)
            errand.telling.on_bytes(part.done, errand.size)
            if part.done > errand.size:
                return
    if part.done < errand.size:
        raise CutError(f"it ended after {part.done} of {errand.size} bytes")


def _fill(errand: Errand, patience: Patience) -> None:
    """Make the part of the blob complete, and give it its name."""
    name, blob, size = errand.name, errand.blob, errand.size
    # The name is a hash of the content, which says enough about the part's origin.
    with closing(Part(blob, f"sha256:{blob.name}")) as part:
        if part.done > size:
            part.restart()
        check_space(blob.parent, size - part.done)
        part.describe(None, size)
        what = f"{name} ({readable(size)}) from {constants.ENDPOINT}"
        errand.telling.on_say(f"Getting {what}.")
        if part.done < size:
            ask = partial(_append, part, errand)
            patiently(ask, patience, errand.telling, lambda: part.done)
        found = part.digest.hexdigest()
        if found != blob.name:
            part.discard()
            raise WeightsError(
                f"What {constants.ENDPOINT} sent as {name} is damaged or another "
                f"file: its sha256 is {found}, and should be {blob.name}",
                "Try again; what was sent is removed",
            )
        part.finish()


def receive(errand: Errand, patience: Patience) -> None:
    """Download the blob, once for all processes, unless it is there.

    Raises:
        HTTPError, CutError: the Hub failed too often, or refuses.
        WeightsError: it sent another file.
        DataError: the disk is full.
        OSError: the folder takes no such file.
    """

    def wait() -> None:
        errand.telling.on_say(
            f"Another process is getting {errand.name}; waiting for it."
        )

    errand.blob.parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(errand.blob, wait):
        if not errand.blob.is_file():
            _fill(errand, patience)
