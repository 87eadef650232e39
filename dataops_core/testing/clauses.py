"""Running a suite's clauses without pytest, to see which of them a store fails."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataops_core.testing.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from dataops_core.testing.suite import Suite


def clauses(suite: type[Suite]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields every clause that works within one process: its name, its method's name, and its parameters."""
    for method, function in inspect.getmembers(suite, inspect.isfunction):
        # A clause that needs other processes asks where the store is.
        if not method.startswith("test_") or "place" in inspect.signature(function).parameters:
            continue
        if suite.lacks(function) is not None:
            continue
        marks = [mark.args for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        for values in product(*(values for _, values in marks)):
            parameters = {argument: value for (argument, _), value in zip(marks, values, strict=True)}
            yield method + "".join(f"[{value!r:.30}]" for value in values), method, parameters


def failed_clauses(
    suite: type[Suite], open_pair: Callable[[Path], tuple[Any, Any]], *, only: str = "", within: str | None = None
) -> dict[str, BaseException]:
    """Runs the clauses that work within one process, each on a new store.

    Args:
        suite: a subclass of `RecordStoreSuite` or `BlobStoreSuite`.
        open_pair: returns two handles of the store in an empty folder.
        only: run the clauses of this method; all by default.
        within: make the empty folders here; where temporary files lie by default.

    Returns:
        What failed, by the clause's name.

    Raises:
        LookupError: the suite has no such clause.
    """
    failed: dict[str, BaseException] = {}
    chosen = [clause for clause in clauses(suite) if clause[1] == only or not only]
    if not chosen:
        raise LookupError(f"{suite.__name__} has no clause {only!r}")
    for name, method, parameters in chosen:
        instance = suite()
        with tempfile.TemporaryDirectory(dir=within) as folder, ExitStack() as used:
            store, other = open_pair(Path(folder))
            given = {"store": store, "other": other, "tmp_path": Path(folder), **parameters}
            wanted = inspect.signature(getattr(instance, method)).parameters
            if "through" in wanted:
                proxy = used.enter_context(FaultProxy(*instance.upstream(Path(folder))).running())
                through = used.enter_context(closing(instance.proxied(Path(folder), proxy.port)))
                given |= {"proxy": proxy, "through": through}
            try:
                getattr(instance, method)(**{argument: given[argument] for argument in wanted})
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # what pytest raises is no Exception
                failed[name] = error
            finally:
                used.close()
                other.close()
                store.close()
    return failed
