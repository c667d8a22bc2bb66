"""Optional packages: which there are."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

_REQUIREMENT = re.compile(r"([\w.-]+).*;.*\bextra *== *[\"']([\w.-]+)[\"']")
_DEVELOPERS = "test"


@dataclass(frozen=True, slots=True)
class Extra:
    """What `pip install 'srup[name]'` brings."""

    name: str
    found: tuple[str, ...]
    """Packages with their versions."""
    missing: tuple[str, ...]


def extras(package: str = "srup") -> tuple[Extra, ...]:
    """List the extras that the installed `package` declares, but for tests.

    There are none where srup runs without having been installed.
    """
    try:
        lines = requires(package) or []
    except PackageNotFoundError:
        return ()
    wanted: dict[str, list[str]] = {}
    for line in lines:
        matched = _REQUIREMENT.match(line)
        if matched and matched[2] != _DEVELOPERS:
            wanted.setdefault(matched[2], []).append(matched[1])
    return tuple(_extra(name, packages) for name, packages in wanted.items())


def _extra(name: str, packages: list[str]) -> Extra:
    versions = {package: _version(package) for package in packages}
    return Extra(
        name,
        tuple(f"{package} {found}" for package, found in versions.items() if found),
        tuple(package for package, found in versions.items() if not found),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
