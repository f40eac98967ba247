"""Versions of what is installed."""

from __future__ import annotations

from importlib import metadata


def version_of(package: str) -> str:
    """The version of an installed package, or `not installed`."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def lamina_version() -> str:
    """The version of Lamina; `from sources` if it is not installed."""
    version = version_of("lamina")
    return "from sources" if version == "not installed" else version
