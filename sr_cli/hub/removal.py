"""Taking things out of the Hub client's cache."""

import shutil
from pathlib import Path

from huggingface_hub import scan_cache_dir

from sr_cli.errors import WeightsError
from sr_cli.hub.cache import cached_revisions, folder, repo_folder
from sr_cli.hub.names import HubName


def forget(path: Path) -> None:
    """Take one file out of the cache, because it isn't what it should be."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _occupied(place: Path) -> int:
    files = (path for path in place.rglob("*") if not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.is_file())


def _commits(name: HubName) -> list[str]:
    """Return the cached commits that `name` means."""
    return [
        revision.commit_hash
        for repo, revision in cached_revisions()
        if repo == name.repo
        and name.revision in (None, revision.commit_hash, *revision.refs)
    ]


def _pointers(name: HubName) -> list[Path]:
    """Return where the file `name` stands in the cached commits."""
    snapshots = repo_folder(name.repo) / "snapshots"
    places = [snapshots / commit / str(name.file) for commit in _commits(name)]
    return [place for place in places if place.is_file()]


def check_removable(name: HubName) -> None:
    """See that there is something for `remove_cached`.

    Raises:
        WeightsError: there is nothing of it in the cache.
    """
    found = repo_folder(name.repo).is_dir()
    if found and name.file is not None:
        found = bool(_pointers(name))
    elif found and name.revision is not None:
        found = bool(_commits(name))
    if not found:
        raise WeightsError(
            f"{name} is not in the Hub's cache", "`srup models list` shows what is"
        )


def remove_cached(name: HubName) -> int:
    """Remove a repository, a revision or a file from the cache; return the bytes freed.

    Unfinished downloads go with the repository.

    Raises:
        WeightsError: it isn't there, or the system doesn't let it go.
    """
    check_removable(name)
    try:
        return _removed(name, repo_folder(name.repo))
    except OSError as error:
        raise WeightsError(
            f"Cannot remove {name} from the Hub's cache ({error.strerror or error})",
            f"See who may change {repo_folder(name.repo)}, and whether it is a link",
        ) from error


def _removed(name: HubName, place: Path) -> int:
    before = _occupied(place)
    if name.file is not None:
        _remove_files(place, _pointers(name))
    elif name.revision is not None:
        scan_cache_dir(folder()).delete_revisions(*_commits(name)).execute()
    else:
        shutil.rmtree(place)
    return before - _occupied(place)


def _remove_files(place: Path, pointers: list[Path]) -> None:
    blobs = {pointer.resolve() for pointer in pointers}
    for pointer in pointers:
        pointer.unlink()
    # Other revisions may have the same content.
    kept = {path.resolve() for path in place.glob("snapshots/**/*")}
    for blob in blobs - kept:
        blob.unlink(missing_ok=True)
