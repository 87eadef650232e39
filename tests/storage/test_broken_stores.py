"""The suites notice every broken store, and find nothing wrong with the good ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.sqlite_records import SqliteRecords
from dataops_core.testing import BlobStoreSuite, RecordStoreSuite, failed_clauses
from dataops_core.testing.record_case import TABLES
from tests.storage import broken_listings
from tests.storage.broken_blobs import BROKEN_BLOBS, damage
from tests.storage.broken_stores import BROKEN_RECORDS
from tests.storage.processes import MEMORY

#: The same runs every time, and no search for a smaller one: a mutant either falls or it does not.
SAME = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class SqliteSuite(RecordStoreSuite):
    machine = SAME


class PatientSuite(RecordStoreSuite):
    # Hypothesis draws from the constants of the code too, so what 25 runs find changes with every line of it.
    machine = settings(SAME, max_examples=400)


class FileSuite(BlobStoreSuite):
    machine = SAME

    def corrupt(self, place: Path, key: str) -> None:
        damage(place / "blobs", key)


def records(cls: type[SqliteRecords]) -> Callable[[Path], tuple[Any, Any]]:
    return lambda folder: (cls(folder / "dataops.db", TABLES), cls(folder / "dataops.db", TABLES))


def blobs(cls: type[FileBlobs]) -> Callable[[Path], tuple[Any, Any]]:
    return lambda folder: (cls(folder / "blobs"), cls(folder / "blobs"))


def test_the_package_of_the_suites_needs_no_pytest() -> None:
    code = "import sys, dataops_core.testing; print([m for m in ('pytest', 'hypothesis') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_clause_that_does_not_exist_is_no_pass() -> None:
    with pytest.raises(LookupError):
        failed_clauses(SqliteSuite, records(SqliteRecords), only="test_nonsense")


def test_there_are_enough_of_them() -> None:
    assert len(BROKEN_RECORDS) >= 10
    assert broken_listings.PagesByOffset in BROKEN_RECORDS
    assert len(BROKEN_BLOBS) >= 5


@pytest.mark.parametrize("broken", BROKEN_RECORDS, ids=lambda cls: cls.__name__)
def test_a_broken_record_store_is_noticed(broken: type[SqliteRecords]) -> None:
    assert failed_clauses(SqliteSuite, records(broken), only=BROKEN_RECORDS[broken], within=MEMORY)


@pytest.mark.parametrize("broken", BROKEN_BLOBS, ids=lambda cls: cls.__name__)
def test_a_broken_blob_store_is_noticed(broken: type[FileBlobs]) -> None:
    assert failed_clauses(FileSuite, blobs(broken), only=BROKEN_BLOBS[broken], within=MEMORY)


def test_a_good_record_store_fails_no_clause() -> None:
    for clause in {*BROKEN_RECORDS.values()}:
        assert failed_clauses(SqliteSuite, records(SqliteRecords), only=clause, within=MEMORY) == {}


def test_a_good_blob_store_fails_no_clause() -> None:
    for clause in {*BROKEN_BLOBS.values()}:
        assert failed_clauses(FileSuite, blobs(FileBlobs), only=clause, within=MEMORY) == {}


#: Broken in what a second handle, threads, limits, equal contents or writes between two pages show: not in the machine.
UNSEEN = {
    "RemembersWhatItRead",
    "HandsOutItsOwnObjects",
    "ComparesThenWrites",
    "IgnoresCase",
    "TakesAnyNumberOfWrites",
    "ComparesContentsInsteadOfVersions",
    "PagesByOffset",
}


@pytest.mark.slow
@pytest.mark.parametrize("broken", [c for c in BROKEN_RECORDS if c.__name__ not in UNSEEN], ids=lambda c: c.__name__)
def test_the_machine_alone_notices_most(broken: type[SqliteRecords]) -> None:
    assert failed_clauses(PatientSuite, records(broken), only="test_model", within=MEMORY)
