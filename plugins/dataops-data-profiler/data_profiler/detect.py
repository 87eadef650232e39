"""What a file is: format by content, encoding, dialect. Nothing is believed because of a name."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

from data_profiler.dialect import sniff
from data_profiler.document import Decision, Encoding, Source
from data_profiler.encoding import survey
from data_profiler.source import (
    EXTENSIONS,
    head_of,
    is_parquet,
    json_format,
    one_line,
    refuse_broken,
    refuse_foreign,
    regular_file,
)

Progress = Callable[[float, str], None]
NAMES = {"csv": "CSV", "tsv": "TSV", "parquet": "Parquet", "json": "JSON", "jsonl": "JSON Lines"}


def detect(file_path: str, progress: Progress = lambda _share, _message: None) -> Source:
    """Decides what a file is and how it must be read.

    Args:
        file_path: the file, as the asker wrote it.
        progress: told the share that has been done (0 to 1) and a line to show.

    Returns:
        The source, with every decision and its reason.

    Raises:
        NotFound: there is no such file.
        InvalidValue: it cannot be read, is empty, is not a table.
    """
    path = regular_file(file_path)
    head = head_of(path)
    status = path.stat()
    extension = path.suffix.lstrip(".").lower()
    source: Source = {
        "path": str(path), "name": one_line(path.name), "size_bytes": status.st_size, "modified_ns": status.st_mtime_ns,
        "format": "parquet", "extension": extension, "record_path": "", "encoding": None, "dialect": None,
        "decisions": [],
    }  # fmt: skip
    if is_parquet(path, head):
        source["decisions"] = [_format("parquet", extension, "the file begins and ends with PAR1")]
        return source
    refuse_foreign(path, head)
    encoding, decisions = survey(path, head, lambda share: progress(share, f"reading {path.name}: {share:.0%}"))
    source["encoding"] = encoding
    text = decoded(head, encoding)
    complete = len(head) == status.st_size
    json_kind = json_format(text, complete)
    if json_kind:
        source["format"] = json_kind
        why = "each line is a JSON value" if json_kind == "jsonl" else "the content is one JSON value"
        source["decisions"] = [_format(json_kind, extension, why), *decisions]
        return source
    refuse_broken(path, text, extension)
    dialect, more = sniff(text, complete, tab_expected=EXTENSIONS.get(extension) == "tsv")
    source["dialect"] = dialect
    source["format"] = "tsv" if dialect["delimiter"] == "\t" else "csv"
    why = (
        f"lines of text whose cells are separated by {more[0]['decided']}s"
        if len(dialect["names"]) > 1
        else "lines of text"
    )
    source["decisions"] = [_format(source["format"], extension, why), *decisions, *more]
    return source


def decoded(head: bytes, encoding: Encoding) -> str:
    """Returns the head of a file as text, without byte order mark and without a character cut in two."""
    decoder = codecs.getincrementaldecoder(encoding["codec"])("replace")
    return decoder.decode(head).removeprefix("\ufeff")


def lies(source: Source) -> bool:
    """Tells whether the extension promises another format than the content has."""
    promised = EXTENSIONS.get(source["extension"])
    return promised is not None and promised != source["format"]


def path_of(source: Source) -> Path:
    """Returns the path of a source's file."""
    return Path(source["path"])


def _format(kind: str, extension: str, why: str) -> Decision:
    promised = EXTENSIONS.get(extension)
    if promised and promised != kind:
        why += f"; the extension .{extension} promises {NAMES[promised]}"
    return {"subject": "format", "decided": NAMES[kind], "why": why}
