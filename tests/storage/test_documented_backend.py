"""The backends of the documentation are complete; and each way of breaking it is caught by a clause of the suites."""

from __future__ import annotations

import inspect
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from dataops_core.errors import Conflict
from dataops_core.plugin.discovery import BLOBS, RECORDS
from dataops_core.testing import BlobStoreSuite, RecordStoreSuite, failed_clauses
from dataops_core.testing.fault_proxy import Fault
from dataops_core.testing.record_case import TABLES
from dataops_core.testing.suite import CAPABILITIES, Suite
from tests.documented import ROOT, blocks
from tests.storage.broken_memory import BROKEN_RECORDS, Mutant

PAGE = ROOT / "docs" / "backends.md"
SOURCE, BLOB_SOURCE = (text for _, text in blocks(PAGE, "py") if "DATAOPS_API" in text)
RECORDS_NAME, BLOBS_NAME = "documented_memory_records", "documented_memory_blobs"


def backend(source: str, name: str = RECORDS_NAME) -> ModuleType:
    """Returns the module that a source makes."""
    module = ModuleType(name)
    exec(compile(source, "backends.md", "exec"), module.__dict__)
    return module


sys.modules[RECORDS_NAME] = backend(SOURCE)
sys.modules[BLOBS_NAME] = backend(BLOB_SOURCE, BLOBS_NAME)


class TestMemoryRecords(RecordStoreSuite):
    plugin = RECORDS_NAME
    processes = 0
    many = 1_000

    def url(self, place: Path) -> str:
        return f"memory://{place}"


class TestMemoryBlobs(BlobStoreSuite):
    plugin = BLOBS_NAME
    processes = 0

    def url(self, place: Path) -> str:
        return f"memory://{place}"


def test_its_entry_points_name_its_hooks() -> None:
    (shown,) = (text for _, text in blocks(PAGE, "toml"))
    groups = tomllib.loads(shown)["project"]["entry-points"]
    assert set(groups) == {RECORDS, BLOBS}


def test_the_page_shows_what_a_store_on_a_network_gives() -> None:
    shown: dict[str, Any] = {}
    exec(next(text for _, text in blocks(PAGE, "py") if "upstream" in text), shown)
    for name in ("upstream", "proxied"):
        signature = inspect.signature(shown[name])
        assert list(signature.parameters) == list(inspect.signature(getattr(Suite, name)).parameters)


def test_the_page_names_every_setting_and_fault_and_capability() -> None:
    page = PAGE.read_text()
    settings = {name for name in Suite.__annotations__ | vars(Suite) if f"        {name}: " in str(Suite.__doc__)}
    for name in [*settings - {"plugin", "machine", "steps"}, "many", "lag_seconds", *get_args(Fault), *CAPABILITIES]:
        assert f"\n| `{name}` |" in page, name


def test_it_is_short() -> None:
    assert len(SOURCE.splitlines()) < 120


def failed(source: str, clause: str) -> dict[str, BaseException]:
    module = backend(source)
    url = "memory://mutant"

    def opened(_: Path) -> tuple[Any, Any]:
        return module.dataops_record_store(url, TABLES), module.dataops_record_store(url, TABLES)

    module.ROWS.clear()
    return failed_clauses(TestMemoryRecords, opened, only=clause)


@pytest.mark.parametrize("mutant", BROKEN_RECORDS, ids=lambda mutant: mutant.name)
def test_each_way_of_breaking_it_is_noticed(mutant: Mutant) -> None:
    assert SOURCE.count(mutant.old) == 1, "the page has changed: mend the mutant"
    noticed = failed(SOURCE.replace(mutant.old, mutant.new), mutant.clause)
    assert noticed
    # By the clause, not by code that does not run.
    assert {type(error) for error in noticed.values()} <= {AssertionError, pytest.fail.Exception, Conflict}


def test_the_clauses_find_nothing_wrong_with_it_as_it_is() -> None:
    for clause in {mutant.clause for mutant in BROKEN_RECORDS}:
        assert failed(SOURCE, clause) == {}
