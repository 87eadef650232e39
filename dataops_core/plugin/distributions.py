"""The installed distributions of an import path, and the text of their entry points.

What `importlib_metadata` finds, in its order. Plain folders are read here, because it makes several path objects for
each distribution: with a thousand of them that is half of what listing costs. It reads all that is no plain folder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from itertools import chain
from typing import Any, Final, NamedTuple

FILE: Final = "entry_points.txt"


class InFolder(NamedTuple):
    """A distribution in a plain folder.

    Args:
        folder: where it is installed.
        info: the folder in it that holds the metadata, e.g. `orders-1.0.0.dist-info`.
    """

    folder: str
    info: str

    @property
    def name(self) -> str:
        """Its name with dashes; the METADATA need not be parsed for it."""
        return canonical(self.info.rpartition(".")[0].partition("-")[0])

    def entry_points(self) -> str:
        """Returns the text of its entry points, "" when it has none; raises OSError or UnicodeDecodeError."""
        try:
            # Without waiting: it may be a pipe that nobody writes into.
            descriptor = os.open(f"{self.folder}/{self.info}/{FILE}", os.O_RDONLY | os.O_NONBLOCK)
            with open(descriptor, "rb", buffering=0) as file:
                return file.read().decode()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            return ""


class Elsewhere(NamedTuple):
    """A distribution that `importlib_metadata` has found: in a zip file, in an egg, or by somebody's finder."""

    found: Any

    @property
    def folder(self) -> str:
        """Where it is installed."""
        return str(self.found.locate_file(""))

    @property
    def name(self) -> str:
        """Its name with dashes; raises whatever its finder's code raises."""
        known = getattr(self.found, "_normalized_name", None)  # what its folder says, without parsing the METADATA
        return known.replace("_", "-") if known else canonical(self.found.name)

    def entry_points(self) -> str:
        """Returns the text of its entry points, "" when it has none; raises whatever its finder's code raises."""
        return self.found.read_text(FILE) or ""


Distribution = InFolder | Elsewhere


def distributions(path: Iterable[str]) -> Iterator[Distribution]:
    """Yields the distributions of an import path in its order; of two with one name the first is the installed one."""
    folders = [folder for folder in path if isinstance(folder, str)]  # imports ignore what is no text
    if any(map(_finds_distributions, sys.meta_path)):
        return _elsewhere(folders)
    return chain.from_iterable(map(_in, folders))


def canonical(name: str) -> str:
    """Returns the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _in(folder: str) -> Iterable[Distribution]:
    if folder.lower().endswith(".egg"):
        return _elsewhere([folder])
    try:
        found = os.listdir(folder or ".")
    except NotADirectoryError:
        return _elsewhere([folder])
    except OSError:  # Python lists a `python311.zip` that is seldom there
        return ()
    return [InFolder(folder or ".", info) for info in found if info.lower().endswith((".dist-info", ".egg-info"))]


def _elsewhere(path: list[str]) -> Iterator[Distribution]:
    import importlib_metadata

    return map(Elsewhere, importlib_metadata.distributions(path=path))


def _finds_distributions(finder: Any) -> bool:
    """Says whether a finder of `sys.meta_path` brings distributions that lie in no folder of the path."""
    ours = finder is PathFinder or type(finder).__module__ == "importlib_metadata"
    return not ours and hasattr(finder, "find_distributions")
