"""Names of files on the Hub: `hf:owner/name[@revision][:file]`."""

import re
from dataclasses import dataclass

from sr_cli.errors import ModelError

PREFIX = "hf:"
"""Begins the name of a model on the Hub."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubName:
    """A file on the Hub, as far as it is named."""

    repo: str
    """`owner/name`."""
    revision: str | None = None
    """A branch, a tag or a commit id; None for the main branch."""
    file: str | None = None
    """Its path in the repository; None for the only one with weights."""

    @property
    def pinned(self) -> bool:
        """Whether it is a commit, which never changes."""
        return self.revision is not None and bool(_COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repo}{revision}" + (f":{self.file}" if self.file else "")


def parse(text: str) -> HubName:
    """Read `hf:owner/name[@revision][:file]`.

    Raises:
        ModelError: it can't be a name on the Hub.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    place, _, file = text.removeprefix(PREFIX).partition(":")
    repo, _, revision = place.partition("@")
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ModelError(
            f"{text!r} names no repository", "Write hf:owner/name[@revision][:file]"
        ) from error
    # The client makes paths of both in its cache.
    if any(".." in part or part.startswith("/") for part in (file, revision)):
        raise ModelError(
            f"{text!r} names no file of a repository",
            "Write hf:owner/name[@revision][:file], the file as the Hub shows it",
        )
    return HubName(repo, revision or None, file or None)
