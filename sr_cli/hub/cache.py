"""The Hub client's cache: what is there.

Its layout is documented: `models--OWNER--NAME` holds `blobs/`, called by their hashes,
`snapshots/COMMIT/`, links to them, and `refs/`, the commit of each branch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import (
    CachedRevisionInfo,
    constants,
    scan_cache_dir,
    try_to_load_from_cache,
)
from huggingface_hub.errors import CacheNotFound
from huggingface_hub.file_download import repo_folder_name

from sr_cli.errors import WeightsError
from sr_cli.hub.names import HubName

_KINDS = ((".safetensors",), (".pth", ".pt"))  # safe ones first


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file in the cache, and the shortest name that gets exactly it."""

    name: HubName
    path: Path
    size: int
    """In bytes."""


def folder() -> Path:
    """Return the cache's folder, which need not exist."""
    return Path(constants.HF_HUB_CACHE)


def repo_folder(repo: str) -> Path:
    """Return the folder of a repository in the cache, which need not exist."""
    return folder() / repo_folder_name(repo_id=repo, repo_type="model")


def choose(name: HubName, files: Iterable[str]) -> HubName:
    """Complete `name` by the only one of `files` that holds weights.

    Raises:
        WeightsError: there is none, or a choice.
    """
    if name.file is not None:
        return name
    # Nobody calls weights by what a terminal obeys, and names are shown.
    files = [file for file in files if file.isprintable()]
    found: list[str] = []
    for suffixes in _KINDS:
        found = found or sorted(file for file in files if file.endswith(suffixes))
    if len(found) != 1:
        which = f" ({', '.join(found[:5])})" if found else ""
        raise WeightsError(
            f"{name} holds {len(found)} files to choose from{which}, not one",
            "Name one: hf:owner/name:file.safetensors",
        )
    return replace(name, file=found[0])


def _cached_names(name: HubName) -> list[str]:
    """Name the files of a cached revision."""
    place = repo_folder(name.repo)
    reference = place / "refs" / (name.revision or constants.DEFAULT_REVISION)
    commit = reference.read_text("utf-8") if reference.is_file() else name.revision
    if not commit:
        return []
    snapshot = place / "snapshots" / commit
    files = (path for path in snapshot.rglob("*") if path.is_file())
    return [path.relative_to(snapshot).as_posix() for path in files]


def find(name: HubName) -> Path | None:
    """Return where `name` is in the cache, or None.

    Raises:
        WeightsError: several files there could be meant, or its notes are damaged.
    """
    try:
        return _found(name)
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"The Hub's cache of {name.repo} is damaged or can't be read",
            f"Remove {repo_folder(name.repo)}, or see who may read it",
        ) from error


def _found(name: HubName) -> Path | None:
    if name.file is None:
        names = _cached_names(name)
        if not names:
            return None
        name = choose(name, names)
    assert name.file is not None
    found = try_to_load_from_cache(name.repo, name.file, revision=name.revision)
    return Path(found) if isinstance(found, str) else None


def _revision_of(commit: str, refs: Iterable[str]) -> str | None:
    """Return what to write behind @ for a commit; None for nothing."""
    if constants.DEFAULT_REVISION in refs:
        return None
    return min(refs, default=commit)


def cached_revisions() -> Iterator[tuple[str, CachedRevisionInfo]]:
    """Yield the repository and what the client knows of each revision of a model."""
    try:
        repos = scan_cache_dir(folder()).repos
    except CacheNotFound:
        return
    for repo in repos:
        if repo.repo_type == "model":
            for revision in repo.revisions:
                yield repo.repo_id, revision


def cached_files(suffix: str = ".safetensors") -> list[CachedFile]:
    """Return all files in the cache with that suffix, by name."""
    found = []
    for repo, revision in cached_revisions():
        name = HubName(repo, _revision_of(revision.commit_hash, revision.refs))
        files = [f for f in revision.files if f.file_name.endswith(suffix)]
        for file in files:
            inside = file.file_path.relative_to(revision.snapshot_path).as_posix()
            own = name if len(files) == 1 else replace(name, file=inside)
            found.append(CachedFile(own, file.file_path, file.size_on_disk))
    return sorted(found, key=lambda file: str(file.name))
