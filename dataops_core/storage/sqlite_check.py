"""What is wrong with a SQLite file, and what is right: its content, its layout, its log, its permissions, its disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from dataops_core.contracts.records import Finding
from dataops_core.storage.folders import free_space
from dataops_core.storage.sqlite_file import CHECKPOINT_PAGES, PAGE_SIZE, SqliteFile
from dataops_core.storage.sqlite_schema import MIGRATIONS

#: A log this much larger than a commit lets it grow is held open by somebody who reads.
_LARGE_LOG: Final = 20 * CHECKPOINT_PAGES * PAGE_SIZE


def examine(file: SqliteFile, path: Path) -> list[Finding]:
    """Returns the findings, the worst of the file itself first; raises what SQLite or the system raises."""
    damage = [row[0] for row in file.read("PRAGMA quick_check(3)", ())]
    if damage != ["ok"]:
        hint = "restore a backup, or save what can be read: sqlite3 FILE .recover | sqlite3 NEW_FILE"
        return [Finding("error", f"database {path} is damaged: {'; '.join(damage)}", hint)]
    with file.write_lock:
        connection = file.writer()
        connection.execute("BEGIN IMMEDIATE")  # says whether it can be written, and that nobody holds it
        connection.execute("ROLLBACK")
    ((layout, size, free),) = file.read(
        "SELECT (SELECT * FROM pragma_user_version), (SELECT * FROM pragma_page_size),"
        " (SELECT * FROM pragma_freelist_count)",
        (),
    )
    told = f"{path.stat().st_size / 1e6:.1f} MB, {free * size / 1e6:.1f} MB of it free for new records"
    newest = "" if layout == len(MIGRATIONS) else f" of {len(MIGRATIONS)}"
    findings = [Finding("ok", f"database {path} is whole, layout {layout}{newest} ({told})")]
    if (log := _size(path.with_name(path.name + "-wal"))) > _LARGE_LOG:
        what = f"the log of {path} has grown to {log / 1e6:.0f} MB"
        findings.append(Finding("warn", what, "stop the process that keeps it open for reading (`fuser` names it)"))
    if path.stat().st_mode & 0o077:
        findings.append(Finding("warn", f"other users can read {path}", f"chmod 600 {path}"))
    if path.parent.stat().st_mode & 0o022:
        findings.append(Finding("warn", f"other users can replace files in {path.parent}", f"chmod 700 {path.parent}"))
    return findings + free_space(path.parent)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
