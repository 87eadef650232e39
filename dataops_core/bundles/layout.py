"""What a bundle is: a zip file of members that its manifest names, each with its size and SHA-256.

    session.json         the session's facts
    messages.jsonl       a line for each message, hidden ones too
    runs.jsonl           a line for each run
    artifacts.jsonl      a line for each artifact
    contents/000001      the content of the first artifact, and so on
    snapshots.jsonl      a line for each snapshot
    snapshots/000001     the first snapshot, unpacked, and so on
    bundle.json          the manifest: format, version, the session's id, and the members

Text is deflated. A content is deflated where it is small and gets smaller, though not to less than a hundredth: so what
would unpack to very much more than it is can be refused. The same session gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final
from zipfile import ZIP_DEFLATED, ZipInfo

from dataops_core.snapshots.writing import MAX_BYTES

#: Hears what is written or read, and how much of it so far.
Listener = Callable[[str, int], None]
FORMAT: Final = "dataops-bundle"
VERSION: Final = 1
MANIFEST: Final = "bundle.json"
SESSION: Final = "session.json"
MESSAGES: Final = "messages.jsonl"
RUNS: Final = "runs.jsonl"
ARTIFACTS: Final = "artifacts.jsonl"
SNAPSHOTS: Final = "snapshots.jsonl"
NAME: Final = re.compile(
    r"(?:bundle|session)\.json|(?:messages|runs|artifacts|snapshots)\.jsonl|(?:contents|snapshots)/[0-9]{6}"
)

MAX_MEMBERS: Final = 20_000
#: Of the zip's directory; one of our members needs less than a hundred bytes there.
MAX_DIRECTORY_BYTES: Final = MAX_MEMBERS * 128
MAX_MANIFEST_BYTES: Final = MAX_MEMBERS * 200
#: Of one message, run or artifact as a line of JSON.
MAX_LINE_BYTES: Final = 32 << 20
#: What is deflated may unpack to so much in any case, and else to so many times the file.
FREE_BYTES: Final = 64 << 20
MAX_RATIO: Final = 200


def content_member(number: int) -> str:
    """Returns the name of the member that holds the content of an artifact, counted from 1."""
    return f"contents/{number:06d}"


def snapshot_member(number: int) -> str:
    """Returns the name of the member that holds a snapshot, counted from 1."""
    return f"snapshots/{number:06d}"


def too_much(members: Iterable[ZipInfo], file_size: int) -> str | None:
    """Says which limit the members of a bundle break, by what the zip's directory tells of them; None for none.

    Args:
        members: as the directory has them.
        file_size: of the bundle, in bytes.
    """
    count = packed = deflated = whole = 0
    for member in members:
        count += 1
        packed += member.compress_size
        whole += member.file_size
        if member.compress_type == ZIP_DEFLATED:
            deflated += member.file_size
        elif member.file_size != member.compress_size:
            return f"member {member.filename!r:.60} has {member.compress_size} bytes and claims {member.file_size}"
    if count > MAX_MEMBERS:
        return f"it has {count} members, at most {MAX_MEMBERS} are allowed"
    if packed > file_size:
        return f"its members claim {packed} bytes of a file of {file_size}"
    if whole > MAX_BYTES:
        return f"it unpacks to {whole} bytes, at most {MAX_BYTES} are allowed"
    if deflated > max(FREE_BYTES, MAX_RATIO * file_size):
        return f"a file of {file_size} bytes unpacks to {deflated}, more than {MAX_RATIO} times as much"
    return None
