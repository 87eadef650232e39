"""What the lines of a bundle say: their names and types. Whatever else a line says is not taken over."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field
from typing_extensions import TypedDict

from dataops_core import values
from dataops_core.artifact import encode
from dataops_core.errors import InvalidValue
from dataops_core.storage import schema


def _moment(value: str) -> str:
    return schema.iso(schema.seconds(value))  # in the one form that may become a part of a key


def _content_type(value: str) -> str:
    try:
        encode(b"", value)
    except InvalidValue as error:
        raise ValueError(value) from error
    return value


def _artifact_name(value: str) -> str:
    try:
        return values.text("an artifact's name", value, 240)
    except InvalidValue as error:
        raise ValueError(value) from error


Number = Annotated[int, Field(ge=0, lt=10**12)]
Size = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0, le=1e11)]
Milliseconds = Annotated[float, Field(ge=0, le=1e15)]
Text = Annotated[str, Field(min_length=1, max_length=1_000)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[str, AfterValidator(_moment)]
Range = Annotated[list[Number], Field(min_length=2, max_length=2)]


class Member(TypedDict):
    """What the manifest says of a member."""

    size: Size
    sha256: Sha256


class Manifest(TypedDict):
    """What is in a bundle."""

    format: Literal["dataops-bundle"]
    version: Literal[1]
    session_id: str
    members: dict[str, Member]


class SessionLine(TypedDict):
    """The facts of the session."""

    session_id: str
    revision: Number
    created_at: Moment
    metadata: dict[str, Any]
    preferences: dict[str, Any]
    global_context: dict[str, Any]
    hidden: NotRequired[list[Range]]
    idle_seconds: NotRequired[Seconds]


class MessageLine(TypedDict):
    """A message; its id where the caller gave it one."""

    number: Number
    role: Literal["user", "assistant", "system", "tool"]
    content: str
    created_at: Moment
    message_id: NotRequired[str]
    workflow: NotRequired[str]
    artifacts: NotRequired[list[str]]
    run_id: NotRequired[str]


class Timing(TypedDict):
    """How long a node of a run took."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    node: str
    step: int | None
    ms: Milliseconds
    error: NotRequired[str | None]


class Failure(TypedDict):
    """Why a run failed."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    code: str
    message: str
    hint: NotRequired[str]


class RunLine(TypedDict):
    """A run, without what it would need to go on."""

    run_id: str
    workflow: Text
    version: NotRequired[str]
    input: dict[str, Any]
    status: Literal["pending", "running", "interrupted", "success", "error", "timeout", "cancelled"]
    attempt: Number
    lost: NotRequired[Number]
    created_at: Moment
    started_at: NotRequired[Moment]
    resumed_at: NotRequired[Moment]
    finished_at: NotRequired[Moment]
    duration_ms: NotRequired[Milliseconds]
    nodes: NotRequired[list[Timing]]
    artifacts: NotRequired[list[str]]
    error: NotRequired[Failure]
    success: NotRequired[bool]
    query_message: NotRequired[Number]
    answer_message: NotRequired[Number]


class Parent(TypedDict):
    """What an artifact was made from."""

    id: str
    relation: str


class ArtifactLine(TypedDict):
    """An artifact; the n-th line's content is the n-th of the contents."""

    artifact_id: str
    workflow_name: Text
    artifact_type: Literal["result", "intermediate", "debug", "context"]
    content_type: Annotated[str, AfterValidator(_content_type)]
    encoding: Literal["json", "text", "bytes", "dataframe"]
    size_bytes: Size
    sha256: Sha256
    created_at: Moment
    name: NotRequired[Annotated[str, AfterValidator(_artifact_name)]]
    version: NotRequired[Number]
    run_id: NotRequired[str]
    node: NotRequired[Text]
    parents: NotRequired[list[Parent]]
    expires_at: NotRequired[Seconds]
    ttl: NotRequired[Number]


class SnapshotLine(TypedDict):
    """A snapshot; the n-th line's is the n-th of the snapshots."""

    snapshot_id: str
    with_contents: bool
    compressed: bool
    label: NotRequired[str]
    hidden: NotRequired[list[Range]]
