"""Files of the Hub, in the cache of the Hub's client.

The client finds them, names the errors and keeps the cache.  The bytes of weights are
received in `sr_cli.hub.transfer`.
"""

from functools import partial
from pathlib import Path

from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
)
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import HfFileMetadata

from sr_cli import __version__
from sr_cli.errors import SrupError, WeightsError
from sr_cli.fetch import Patience, Telling
from sr_cli.hub.cache import choose, find, repo_folder
from sr_cli.hub.names import HubName
from sr_cli.hub.patience import patiently
from sr_cli.hub.refusals import CutError, HTTPError, reason, refusal
from sr_cli.hub.transfer import SHA256, Errand, receive

CARD = "README.md"
"""What the Hub calls a model's card."""

_SILENT, _PATIENCE, _AT_ONCE = Telling(), Patience(), Patience(tries=1)


def _ask(name: HubName) -> tuple[HubName, HfFileMetadata]:
    """Ask what `name` is now: complete it, and get its commit, hash and size."""
    if name.file is None:
        api = HfApi(library_name="srup", library_version=__version__)
        siblings = api.model_info(name.repo, revision=name.revision).siblings
        name = choose(name, [file.rfilename for file in siblings or ()])
    assert name.file is not None
    url = hf_hub_url(name.repo, name.file, revision=name.revision)
    facts = get_hf_file_metadata(url, library_name="srup", library_version=__version__)
    if facts.commit_hash is None or facts.etag is None:
        raise WeightsError(
            f"{constants.ENDPOINT} doesn't answer as the Hub does",
            "Check HF_ENDPOINT, and the proxy if there is one",
        )
    return name, facts


def _get(
    name: HubName,
    facts: HfFileMetadata,
    sha256: str | None,
    telling: Telling,
    patience: Patience,
) -> None:
    """Bring the bytes of `name` into the cache, if they are its weights."""
    assert name.file is not None
    assert facts.etag is not None
    # Of large files, and of weights among them, the tag is the sha256.
    if not SHA256.fullmatch(facts.etag) or facts.size is None:
        return
    if sha256 not in (None, facts.etag):
        raise WeightsError(
            f"{constants.ENDPOINT} has another file as {name}: its sha256 is "
            f"{facts.etag}, and should be {sha256}",
            "Upgrade srup; if that doesn't help, report it",
        )
    url = hf_hub_url(name.repo, name.file, revision=facts.commit_hash)
    blob = repo_folder(name.repo) / "blobs" / facts.etag
    receive(Errand(name, url, blob, facts.size, telling), patience)


def _place(name: HubName) -> Path:
    """Let the client put a file in its place; it fetches what hasn't come yet."""
    assert name.file is not None
    return Path(
        hf_hub_download(
            name.repo,
            name.file,
            revision=name.revision,
            library_name="srup",
            library_version=__version__,
        )
    )


def _current(
    name: HubName, sha256: str | None, telling: Telling, patience: Patience
) -> Path:
    """Return what the Hub has as `name` now."""
    kept = _kept(name)
    # With something to fall back on, nobody waits for the Hub.
    patience_to_ask = _AT_ONCE if kept is not None else patience
    try:
        name, facts = patiently(partial(_ask, name), patience_to_ask, telling)
    except (RevisionNotFoundError, EntryNotFoundError):
        raise
    except HTTPError as error:
        if kept is None:
            raise
        telling.on_say(
            f"{constants.ENDPOINT} can't be asked for {name} ({reason(error)}); taking "
            "the one in the cache."
        )
        return kept
    kept = find(name)
    if kept is not None and facts.commit_hash in kept.parts:
        return kept
    _get(name, facts, sha256, telling, patience)
    return _place(name)


def _kept(name: HubName) -> Path | None:
    try:
        return find(name)
    except WeightsError:
        return None  # there is a choice, or was in the last revision


def obtain(
    name: HubName,
    *,
    offline: bool = False,
    sha256: str | None = None,
    telling: Telling = _SILENT,
    patience: Patience = _PATIENCE,
) -> Path:
    """Return the file `name` in the Hub's cache, fetched if that lacks it.

    A commit's file is taken from the cache without a question.  A branch is asked for,
    and if that fails, the file that it had last time will do.  What an interrupted
    download has got is kept for the next one.

    Args:
        name: without a file, the only one with weights.
        offline: ask nobody; HF_HUB_OFFLINE means the same.
        sha256: refuse to fetch a file that has another one; what is in the cache
            already is the caller's to check.
        telling: whom to tell how it goes.
        patience: with the Hub.

    Raises:
        WeightsError: there is no such file, or it can't be had.
        DataError: the disk is full.
    """
    offline = offline or constants.HF_HUB_OFFLINE
    if offline or (name.pinned and name.file is not None):
        kept = find(name)
        if kept is not None:
            return kept
    if offline:
        raise WeightsError(
            f"{name} is not in the Hub's cache, and the network is not to be used",
            "Get it once with a network (without --offline and HF_HUB_OFFLINE), or "
            "give a local file",
        )
    try:
        return _current(name, sha256, telling, patience)
    except SrupError:
        raise
    except (HTTPError, CutError, EntryNotFoundError) as error:
        raise refusal(name, error) from error
    except OSError as error:
        raise WeightsError(
            f"Cannot write to the Hub's cache, {constants.HF_HUB_CACHE} "
            f"({error.strerror or error})",
            "Make room there, or set HF_HOME to a folder that you can write to",
        ) from error
    except Exception as error:
        # The client lets through whatever its settings or an odd answer lead to.
        raise refusal(name, error) from error


def obtain_card(name: HubName) -> Path | None:
    """Return the card beside a file that `obtain` has got, or None.

    It says what the weights are worth, but they work without it: nothing is raised.
    """
    try:
        return _place(HubName(name.repo, name.revision, CARD))
    except (HTTPError, OSError):
        return None
