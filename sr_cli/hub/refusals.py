"""What the Hub's client raises, as sentences with a remedy."""

from http.client import responses

from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from sr_cli.errors import WeightsError
from sr_cli.hub.names import HubName

HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]
"""What every failed request raises; of httpx or httpx2, depending on the client."""

_SETTINGS = "HTTPS_PROXY, HF_ENDPOINT"
_TOKEN = "Set HF_TOKEN, or run `hf auth login`"
_TRANSIENT = frozenset({408, 425, 429})  # beside every 5xx


class CutError(Exception):
    """An answer ended early, or wasn't what was asked for: worth another try."""


def status_of(error: Exception) -> int | None:
    """Return the status with which the Hub refused, if it answered at all."""
    return error.response.status_code if isinstance(error, HfHubHTTPError) else None


def is_transient(error: Exception) -> bool:
    """Say whether the Hub may answer the same request better later."""
    status = status_of(error) or 0
    return status >= 500 or status in _TRANSIENT


def reason(error: Exception) -> str:
    """Say in a few words why a request failed."""
    if isinstance(error, HfHubHTTPError):
        # Not in the server's words, which may hold what a terminal obeys.
        code = error.response.status_code
        return f"{code} {responses.get(code, '')}".strip()
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def refusal(name: HubName, error: Exception) -> WeightsError:
    """Say why `name` can't be had from the Hub, or not be changed there."""
    where = constants.ENDPOINT
    if isinstance(error, LocalEntryNotFoundError):
        # The client says that neither Hub nor cache have it, and why the Hub hasn't.
        cause = error.__cause__
        error = cause if isinstance(cause, Exception) else Exception("it was silent")
    status = status_of(error)
    match error:
        case GatedRepoError():
            what = f"{name.repo} is given only to those who accept its conditions"
            remedy = f"Accept them at {where}/{name.repo}. {_TOKEN}"
        case RepositoryNotFoundError():
            what = f"There is no repository {name.repo} on {where}, or it is private"
            remedy = f"Check the name. For a private one: {_TOKEN}"
        case RevisionNotFoundError():
            what = f"{name.repo} has no revision {name.revision}"
            remedy = f"Choose one of {where}/{name.repo}/commits/main"
        case EntryNotFoundError():
            what = f"{name} is not there: {name.repo} has no such file"
            remedy = f"Choose one of {where}/{name.repo}/tree/main"
        case _ if status in (401, 403):
            what = f"{where} doesn't accept the token for {name} ({reason(error)})"
            remedy = f"{_TOKEN}, with a token that has the permission"
        case _ if status == 429:
            what = f"{where} asks for fewer requests ({reason(error)})"
            remedy = "Try again in some minutes; with HF_TOKEN, it grants more"
        case _ if status is not None:
            what = f"{where} fails for {name} ({reason(error)})"
            remedy = "Try again later"
        case _ if isinstance(error, (HTTPError, CutError)):
            what = f"Cannot reach {where} for {name} ({reason(error)})"
            remedy = f"Check the network; and, if you set them, {_SETTINGS}"
        case _:
            # An answer that isn't the Hub's, a token that no header can hold, …
            what = f"Asking {where} for {name} failed ({reason(error)})"
            remedy = f"Check, if you set them, {_SETTINGS} and HF_TOKEN"
    return WeightsError(what, remedy)
