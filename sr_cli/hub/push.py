"""Publishing files in a repository of the Hub."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huggingface_hub import (
    CommitOperationAdd,
    EvalResult,
    HfApi,
    ModelCardData,
    constants,
)

from sr_cli import __version__
from sr_cli.errors import ModelError, SrupError
from sr_cli.hub.names import HubName
from sr_cli.hub.refusals import refusal


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, as the Hub shows it."""

    dataset: str
    metric: str
    """`psnr` or `ssim`."""
    value: float


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push."""

    url: str
    commit: str
    """With which the files can be pinned."""
    private: bool


def front_matter(
    model_id: str, scale: int, licence: str | None, figures: Sequence[Figure]
) -> str:
    """Return what the Hub wants to read at the beginning of a card, in YAML."""
    results = [
        EvalResult(
            task_type="image-to-image",
            task_name=f"{scale}x super-resolution",
            dataset_type=figure.dataset,
            dataset_name=figure.dataset,
            metric_type=figure.metric,
            metric_name=f"{figure.metric.upper()} on luma",
            metric_value=figure.value,
        )
        for figure in figures
    ]
    data = ModelCardData(
        model_name=model_id,
        license=licence.lower() if licence else None,
        library_name="srup",
        pipeline_tag="image-to-image",
        tags=["super-resolution", "image-upscaling"],
        eval_results=results or None,
    )
    return f"---\n{data}\n---\n"


def _commit(
    repo: str, files: Mapping[str, bytes], message: str, *, public: bool
) -> Pushed:
    api = HfApi(library_name="srup", library_version=__version__)
    api.create_repo(repo, private=not public, exist_ok=True)
    private = bool(api.model_info(repo).private)
    if not (private or public):
        raise ModelError(
            f"{repo} exists already, and everybody can see it",
            "Say --public if that is meant, or choose another name",
        )
    additions = [CommitOperationAdd(name, content) for name, content in files.items()]
    done = api.create_commit(repo, additions, commit_message=message)
    return Pushed(f"{constants.ENDPOINT}/{repo}", done.oid, private)


def push_files(
    repo: str, files: Mapping[str, bytes], message: str, *, public: bool = False
) -> Pushed:
    """Put `files` into the repository in one commit; it is made if there is none.

    Args:
        repo: `owner/name`.
        files: by their paths in the repository; others that are there stay.
        message: says in the repository's history what was done.
        public: let everybody see it; a repository that exists stays as it is.

    Raises:
        ModelError: it would be public without `public`, or the Hub doesn't take it.
    """
    try:
        return _commit(repo, files, message, public=public)
    except SrupError:
        raise
    except Exception as error:
        # Of failed uploads, the client tells as causes of a RuntimeError; and it lets
        # through whatever its settings or an odd answer lead to.
        cause = error.__cause__ if isinstance(error, RuntimeError) else None
        reason = cause if isinstance(cause, Exception) else error
        raise refusal(HubName(repo), reason) from error
