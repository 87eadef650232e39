"""Which characters a text file is written in: decided from all of its bytes, in one pass of bounded memory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from pathlib import Path

from data_profiler.document import Decision, Encoding
from dataops_core.errors import InvalidValue

CHUNK = 4 * 1024 * 1024
#: No line may be longer than this, in bytes: a file without line ends would be read into memory whole.
LONGEST_LINE = 16 * 1024 * 1024

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32 (little endian)"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32 (big endian)"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16 (little endian)"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16 (big endian)"),
)
# Alphabets that a statistical guess tells reliably; among the Western ones it errs on small samples.
_FAR = {
    "cp1251", "koi8_r", "iso8859_5", "mac_cyrillic", "cp932", "shift_jis", "euc_jp", "gb18030", "gb2312", "gbk",
    "big5", "euc_kr", "cp949", "cp1253", "iso8859_7", "cp1255", "iso8859_8", "cp1256", "iso8859_6", "cp874",
}  # fmt: skip
_ASCII = bytes(range(128))
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\v\f\r\x1b\x1a\x00")


def survey(path: Path, head: bytes, progress: Callable[[float], None]) -> tuple[Encoding, list[Decision]]:
    """Reads a text file once and decides its encoding and line ends.

    Args:
        path: the file.
        head: its first bytes.
        progress: told the share that has been read, 0 to 1.

    Returns:
        The encoding, and what was decided and why.

    Raises:
        InvalidValue: the file is not text, or has no line ends.
    """
    codec, name, why = _declared(head)
    # A JSON document may well be one long line; it is not read by lines.
    by_lines = not head.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"[", b"{"))
    counts = _Counts(codec or "utf-8")
    size = max(path.stat().st_size, 1)
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            counts.add(chunk)
            done += len(chunk)
            progress(min(done / size, 1.0))
            if by_lines and counts.run > LONGEST_LINE:
                raise InvalidValue(
                    f"the file {path.name!r} has a line longer than {LONGEST_LINE >> 20} MiB",
                    hint="it is not a table of lines; convert it to Parquet or JSON Lines",
                )
    counts.finish()
    _refuse_binary(path, counts, wide=bool(codec) and codec != "utf-8-sig")
    damaged = counts.damaged
    if codec is None:
        codec, name, why = _undeclared(counts)
        damaged = damaged if codec == "utf-8" else 0
    line_end, mixed, said = _line_end(counts)
    plain = (
        codec in ("utf-8", "utf-8-sig") and not damaged and not counts.nul and not mixed and line_end != "CR"
        and counts.quotes % 2 == 0 and not counts.blank and not counts.lone_cr
    )  # fmt: skip
    encoding: Encoding = {
        "name": name, "codec": codec, "bom": codec in ("utf-8-sig", "utf-16", "utf-32"), "line_end": line_end,
        "line_ends": {"LF": counts.lone_lf, "CRLF": counts.crlf, "CR": counts.lone_cr}, "mixed_line_ends": mixed,
        "nul_bytes": counts.nul, "quotes": counts.quotes, "damaged": damaged, "plain": plain,
    }  # fmt: skip
    return encoding, [
        {"subject": "encoding", "decided": name, "why": why},
        {"subject": "line ends", "decided": line_end, "why": said},
    ]


class _Counts:
    """What one pass over the bytes finds."""

    def __init__(self, codec: str) -> None:
        self.codec = codec
        self.strict = codecs.getincrementaldecoder(codec)("strict")
        self.lenient = codecs.getincrementaldecoder(codec)("replace")
        self.valid = True
        self.size = self.high = self.nul = self.controls = self.damaged = self.genuine = 0
        self.lf = self.cr = self.crlf = self.blank = self.quotes = self.run = 0
        self.sample = bytearray()
        self.c1 = False
        self._last = b""

    @property
    def lone_cr(self) -> int:
        return self.cr - self.crlf

    @property
    def lone_lf(self) -> int:
        return self.lf - self.crlf

    def add(self, chunk: bytes, final: bool = False) -> None:
        high = chunk.translate(None, _ASCII)
        self.size += len(chunk)
        if self.valid:
            try:
                self.strict.decode(chunk, final)
            except UnicodeDecodeError:
                self.valid = False
        text = self.lenient.decode(chunk, final) if high or self.codec != "utf-8" or not self.valid else ""
        if high:
            self.high += len(high)
            self.c1 = self.c1 or any(0x80 <= byte < 0xA0 for byte in set(high))
            damaged = text.count("\ufffd")
            self.damaged += damaged
            self.genuine += len(text) - len(text.encode("ascii", "ignore")) - damaged
            if len(self.sample) < 128 * 1024:
                lines = (line for line in chunk.splitlines(keepends=True) if not line.isascii())
                for line in lines:
                    self.sample += line
                    if len(self.sample) > 128 * 1024:
                        break
        wide = self.codec.startswith(("utf-16", "utf-32"))
        self._lines(text.encode("utf-8", "replace") if wide else chunk)

    def finish(self) -> None:
        self.add(b"", final=True)

    def _lines(self, data: bytes) -> None:
        # The last byte of the chunk before is prepended, so that a pair at the border counts once.
        joined = self._last + data
        self.lf += data.count(b"\n")
        self.cr += data.count(b"\r")
        self.crlf += joined.count(b"\r\n")
        self.nul += data.count(b"\0")
        self.quotes += data.count(b'"')
        self.blank += joined.count(b"\n\n") + joined.count(b"\n\r")
        self.controls += len(data) - len(data.translate(None, _CONTROLS))
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self.run = self.run + len(data) if end < 0 else len(data) - end
        self._last = data[-1:] or self._last


def _declared(head: bytes) -> tuple[str | None, str, str]:
    for bom, codec, name in _BOMS:
        if head.startswith(bom):
            return codec, name, f"the file begins with the byte order mark {bom.hex(' ').upper()}"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    pairs = max(len(head) // 2, 1)
    if len(head) >= 4 and max(even, odd) > 0.4 * pairs and min(even, odd) < 0.1 * pairs:
        codec, name = ("utf-16-le", "UTF-16 (little endian)") if odd > even else ("utf-16-be", "UTF-16 (big endian)")
        return codec, name, "every other byte is zero, and there is no byte order mark"
    return None, "", ""


def _undeclared(counts: _Counts) -> tuple[str, str, str]:
    if counts.valid:
        if not counts.high:
            return "utf-8", "ASCII", "every byte is below 128, which is valid UTF-8 too"
        return "utf-8", "UTF-8", "all bytes of the file are valid UTF-8"
    if counts.genuine >= 3 and counts.genuine >= 4 * counts.damaged:
        why = f"{counts.genuine} characters are valid UTF-8; {counts.damaged} byte sequences are damaged and replaced"
        return "utf-8", "UTF-8, damaged", why
    sample = bytes(counts.sample)
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, threshold=0.3)
    best = matches.best()
    letters = max(len(re.findall(rb"[A-Za-z\x80-\xff]", sample)), 1)
    share = len(sample.translate(None, _ASCII)) / letters
    if best and best.encoding in _FAR and counts.high >= 8 and share > 0.3:
        return best.encoding, best.encoding.upper().replace("_", "-"), "not valid UTF-8; the letters' statistics say so"
    western = next((m.coherence for m in matches if m.encoding == "cp1252"), 0.0)
    if best and best.encoding in ("cp1250", "iso8859_2", "cp1257", "cp1254") and best.coherence > max(western, 0.4):
        return best.encoding, best.encoding.upper().replace("_", "-"), "not valid UTF-8; the letters' statistics say so"
    if not counts.c1:
        why = "not valid UTF-8; no byte between 80 and 9F, as in Western European texts (Windows-1252 reads the same)"
        return "latin-1", "ISO-8859-1 (Latin-1)", why
    if any(byte in sample for byte in b"\x81\x8d\x8f\x90\x9d"):
        return (
            "latin-1",
            "ISO-8859-1 (Latin-1)",
            "not valid UTF-8 and not Windows-1252; every byte is read as one character",
        )
    return (
        "cp1252",
        "Windows-1252",
        "not valid UTF-8; bytes between 80 and 9F are letters and quotes only in Windows-1252",
    )


def _line_end(counts: _Counts) -> tuple[str, bool, str]:
    kinds = {"LF": counts.lone_lf, "CRLF": counts.crlf, "CR": counts.lone_cr}
    used = [f"{number} {name}" for name, number in kinds.items() if number]
    if not used:
        return "none", False, "the file is one line without an end"
    main = max(kinds, key=lambda name: kinds[name])
    # A single other line end may well lie inside a quoted cell; that is said where the cells are known.
    return main, len(used) > 1, "counted over the whole file: " + ", ".join(used)


def _refuse_binary(path: Path, counts: _Counts, wide: bool) -> None:
    zeros = counts.nul / max(counts.size, 1)
    controls = counts.controls / max(counts.size, 1)
    if (zeros > 0.1 and not (counts.nul < 4 and counts.size < 64)) or (controls > 0.02 and counts.controls > 4):
        raise InvalidValue(
            f"the file {path.name!r} is binary: {counts.nul} zero bytes and {counts.controls} control characters"
            f" in {counts.size} bytes",
            hint="name a CSV, TSV, Parquet, JSON or JSON Lines file",
        )
    if wide and not counts.valid:
        raise InvalidValue(
            f"the file {path.name!r} is not valid {counts.codec.upper()}", hint="write it again as UTF-8"
        )
