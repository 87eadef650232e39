"""Artifacts: kept results, their kinds, and how their content becomes bytes."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dataops_core.contracts.records import Record
from dataops_core.errors import ConfigError, InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
PARQUET: Final = "application/vnd.apache.parquet"
_PART: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MIME: Final = re.compile(rf"{_PART}/{_PART}(?:\s*;[ -~]{{1,200}})?", re.ASCII)


class ArtifactType(StrEnum):
    """What an artifact is for."""

    RESULT = "result"
    INTERMEDIATE = "intermediate"
    DEBUG = "debug"
    CONTEXT = "context"

    @classmethod
    def of(cls, value: str) -> ArtifactType:
        """Returns the type of that name; raises InvalidValue."""
        try:
            return cls(value)
        except ValueError:
            raise InvalidValue(f"an artifact's type is one of {', '.join(cls)}, not {value!r:.40}") from None


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is known of an artifact without its content. Times are ISO-8601 UTC.

    `ttl` is when it disappears, in seconds since 1970, or None: the attribute of the table. (The `ttl` that
    `store_artifact` takes is how long it lives.)

    `parents` holds `{"id", "relation"}` of what it was made from; `version` counts the artifacts of one name.
    """

    artifact_id: str
    session_id: str
    workflow_name: str
    artifact_type: ArtifactType
    content_type: str
    size_bytes: int
    sha256: str
    created_at: str
    s3_key: str
    encoding: str
    name: str | None = None
    version: int | None = None
    run_id: str | None = None
    node: str | None = None
    ttl: int | None = None
    parents: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def from_record(cls, record: Record) -> Artifact:
        """Builds an artifact from its record."""
        return cls(
            artifact_id=record["artifact_id"],
            session_id=record["session_id"],
            workflow_name=record["workflow_name"],
            artifact_type=ArtifactType(record["artifact_type"]),
            content_type=record["content_type"],
            size_bytes=record["size_bytes"],
            sha256=record["sha256"],
            created_at=record["created_at"],
            s3_key=record["s3_key"],
            encoding=record["encoding"],
            name=record.get("name"),
            version=record.get("version"),
            run_id=record.get("run_id"),
            node=record.get("node"),
            ttl=record.get("ttl"),
            parents=tuple(record.get("parents", ())),
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """Content as a stream of bytes. `encoding` says what `decode` must do to get the same value back."""

    stream: BinaryIO
    content_type: str
    encoding: str


def encode(content: Any, content_type: str | None = None) -> Encoded:
    """Turns content into bytes: streams and bytes as they are, text as UTF-8, a DataFrame as Parquet, the rest as JSON.

    Raises:
        InvalidValue: the content is none of these.
        ConfigError: a DataFrame without pyarrow installed.
    """
    if content_type is not None and not (isinstance(content_type, str) and _MIME.fullmatch(content_type)):
        raise InvalidValue(f"a content type is like text/csv, not {content_type!r:.60}")
    if isinstance(content, bytes | bytearray | memoryview):
        return Encoded(io.BytesIO(bytes(content)), content_type or BYTES, "bytes")
    if hasattr(content, "read"):
        return Encoded(content, content_type or BYTES, "bytes")
    if isinstance(content, str) and not _is_json(content_type):
        try:
            return Encoded(io.BytesIO(content.encode()), content_type or TEXT, "text")
        except UnicodeEncodeError:
            raise InvalidValue("an artifact's text is not valid Unicode") from None
    if type(content).__name__ == "DataFrame" and hasattr(content, "to_parquet"):
        buffer = io.BytesIO()
        try:
            content.to_parquet(buffer)
        except ImportError:
            raise ConfigError(
                "a DataFrame is kept as Parquet, which needs pyarrow", hint="pip install pyarrow"
            ) from None
        except (TypeError, ValueError) as error:  # pyarrow's errors are ValueErrors or TypeErrors
            raise InvalidValue(
                f"a DataFrame cannot be kept as Parquet: {str(error)[:300]}",
                hint="give each column one type, e.g. df[column].astype(str)",
            ) from None
        buffer.seek(0)
        return Encoded(buffer, content_type or PARQUET, "dataframe")
    try:
        raw = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        kind = type(content).__name__
        raise InvalidValue(
            f"an artifact's content of type {kind} cannot be kept: {error}",
            hint="give JSON-able values, text, bytes, a DataFrame or a binary stream",
        ) from None
    return Encoded(io.BytesIO(raw), content_type or JSON, "json")


def decode(stream: BinaryIO, encoding: str) -> Any:
    """Returns the value that was stored; `stream` is read to its end.

    Raises:
        ConfigError: a DataFrame without pandas and pyarrow installed.
    """
    raw = stream.read()
    if encoding == "json":
        return json.loads(raw)
    if encoding == "text":
        return raw.decode()
    if encoding == "dataframe":
        try:
            import pandas

            return pandas.read_parquet(io.BytesIO(raw))
        except ImportError:
            raise ConfigError("this artifact is a DataFrame", hint="pip install pandas pyarrow") from None
    return raw


def _is_json(content_type: str | None) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")
