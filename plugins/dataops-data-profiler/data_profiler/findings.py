"""The judgement: what a profile says that somebody should act upon, worst first."""

from __future__ import annotations

from collections.abc import Iterator

from data_profiler.column_findings import column_findings
from data_profiler.detect import NAMES, lies
from data_profiler.document import SEVERITIES, Counted, Example, Finding, Profile, Severity
from data_profiler.finding import finding, rows_of
from data_profiler.source import EXTENSIONS

#: Findings of one code beyond this many are left out of the list, the last one says how many.
MOST_OF_A_CODE = 50


def judge(profile: Profile) -> list[Finding]:
    """Returns the findings of a profile, by severity, then those of the whole file, then by how many rows they touch.

    Args:
        profile: the result of `profile`; it is only read.
    """
    file = list(_file(profile))
    found = [*file, *_header(profile), *_rows(profile), *_keys(profile)]
    rows = profile["rows"]["profiled"]
    for column in profile["columns"]:
        found += column_findings(column, rows)
    ranked = sorted(found, key=lambda f: (SEVERITIES.index(f["severity"]), f not in file, -f["count"]))
    seen: dict[str, int] = {}
    kept = []
    for item in ranked:
        seen[item["code"]] = seen.get(item["code"], 0) + 1
        if seen[item["code"]] <= MOST_OF_A_CODE:
            kept.append(item)
    for code, number in seen.items():
        if number > MOST_OF_A_CODE:
            text = f"{number - MOST_OF_A_CODE} more findings of this kind are not listed"
            kept.append(finding("info", code, text, number - MOST_OF_A_CODE, advice="See the columns of the profile."))
    return kept


def _file(profile: Profile) -> Iterator[Finding]:
    source = profile["source"]
    encoding, dialect = source["encoding"], source["dialect"]
    if lies(source):
        promised = NAMES[EXTENSIONS[source["extension"]]]
        text = f"the extension .{source['extension']} promises {promised}, but the content is {NAMES[source['format']]}"
        yield finding(
            "medium", "wrong_extension", text, 1, advice="Rename the file, or check that it is the one you meant."
        )
    if encoding is not None:
        if encoding["damaged"]:
            text = f"{encoding['damaged']} byte sequences are not valid UTF-8; they were replaced by \ufffd"
            yield finding(
                "high", "damaged_characters", text, encoding["damaged"], advice="Get the file again from its source."
            )
        elif encoding["codec"] not in ("utf-8", "utf-8-sig"):
            text = f"the file is written in {encoding['name']}, not in UTF-8"
            yield finding("low", "not_utf8", text, 1, advice="Convert it to UTF-8 before tools that assume it read it.")
        if encoding["codec"] == "utf-8-sig":
            text = "the file begins with a byte order mark"
            advice = "Read it as utf-8-sig; otherwise the first column's name begins with an invisible character."
            yield finding("info", "byte_order_mark", text, 1, advice=advice)
        if encoding["nul_bytes"] and encoding["codec"] in ("utf-8", "utf-8-sig"):
            text = f"the file holds {rows_of(encoding['nul_bytes'], 'NUL byte')}"
            advice = "Remove them: many programs end a text at the first one."
            yield finding("high", "nul_bytes", text, encoding["nul_bytes"], advice=advice)
        if dialect is not None and encoding["mixed_line_ends"]:
            kinds = ", ".join(f"{count} {name}" for name, count in encoding["line_ends"].items() if count)
            advice = "Write the file again with one kind of line end."
            yield finding("medium", "mixed_line_ends", f"rows end in different ways: {kinds}", 1, advice=advice)
        elif dialect is not None and encoding["line_end"] == "CR":
            text = "rows end with a lone CR, as on old Macs"
            yield finding("medium", "lone_cr", text, encoding["line_ends"]["CR"], advice="Convert the line ends to LF.")
    if dialect is not None:
        if dialect["skipped_lines"] and not dialect["comment"]:
            text = f"text before the table was skipped: {rows_of(dialect['skipped_lines'], 'line')}"
            yield finding(
                "medium",
                "lines_before_table",
                text,
                dialect["skipped_lines"],
                advice="Skip them when you load the file.",
            )
        comments = profile["rows"]["comment_lines"] + (dialect["skipped_lines"] if dialect["comment"] else 0)
        if comments:
            text = f"comments that begin with {dialect['comment']} were skipped: {rows_of(comments, 'line')}"
            yield finding(
                "info", "comment_lines", text, comments, advice="Tell other readers that the file has comments."
            )
        if not dialect["header"]:
            text = "the file has no header; the columns are called column_1, column_2 and so on"
            yield finding("medium", "no_header", text, 1, advice="Add a first line with names.")
        if dialect["delimiter"] not in ",\t":
            text = f"cells are separated by {dialect['delimiter']!r}, not by commas"
            yield finding("info", "unusual_delimiter", text, 1, advice="Give other readers the delimiter.")


def _header(profile: Profile) -> Iterator[Finding]:
    columns, dialect = profile["columns"], profile["source"]["dialect"]
    if dialect is None or not dialect["header"]:
        return
    headers = dialect["names"]
    stripped = [" ".join(h.split()) for h in headers]
    for name in dict.fromkeys(n for n in stripped if n and stripped.count(n) > 1):
        called = [c["name"] for c, header in zip(columns, stripped, strict=True) if header == name]
        first = columns[stripped.index(name)]["name"]
        text = f"{len(called)} columns have the name {first!r}; here they are {', '.join(called)}"
        yield finding(
            "high",
            "duplicate_header",
            text,
            len(called),
            column=called[0],
            advice="Give each column a name of its own.",
        )
    for column, header in zip(columns, headers, strict=True):
        if not header.strip():
            text = f"column {column['index'] + 1} has no name; here it is {column['name']}"
            yield finding(
                "medium", "unnamed_column", text, 1, column=column["name"], advice="Name the column, or drop it."
            )
        elif "\n" in header or "\r" in header:
            text = f"the name holds a line break: {column['header']}"
            yield finding(
                "medium", "newline_in_header", text, 1, column=column["name"], advice="Write the name on one line."
            )
        elif header != header.strip():
            text = f"the name has blanks around it: '{column['header']}'"
            yield finding(
                "low",
                "blanks_in_header",
                text,
                1,
                column=column["name"],
                advice="Strip the names when you load the file.",
            )


def _rows(profile: Profile) -> Iterator[Finding]:
    rows, width = profile["rows"], len(profile["columns"])
    if not rows["profiled"]:
        yield finding(
            "high", "no_rows", "there is a header and no row", 1, advice="Check the export that wrote the file."
        )

    def of(counted: Counted, severity: Severity, code: str, text: str, advice: str) -> Iterator[Finding]:
        if counted["count"]:
            yield finding(
                severity,
                code,
                text.format(rows_of(counted["count"])),
                counted["count"],
                examples=counted["examples"],
                advice=advice,
            )

    yield from of(
        rows["too_long"], "high", "row_too_long", f"{{}} with more than {width} cells",
        "Look for a delimiter inside a value that is not quoted; values may stand in the wrong column.",
    )  # fmt: skip
    yield from of(
        rows["too_short"], "high", "row_too_short", f"{{}} with fewer than {width} cells",
        "Look for a lost delimiter or a line break inside a value; the missing cells are read as empty.",
    )  # fmt: skip
    if rows["open_quotes"]:
        lines = ", ".join(map(str, rows["open_quotes"]))
        text = f"a quote is opened and never closed in line {lines} of the file; it is read as an ordinary character"
        advice = "Close the quote, or double it if it belongs to the value."
        yield finding("high", "unclosed_quote", text, len(rows["open_quotes"]), advice=advice)
    yield from of(
        rows["unreadable"], "high", "unreadable_record", "no valid record in {}", "Repair or drop these lines."
    )
    yield from of(
        rows["blank"], "medium", "blank_row", "{} with empty cells only; they are left out of all figures",
        "Drop them; they often follow the table in exports from spreadsheets.",
    )  # fmt: skip
    if rows["blank_lines"]:
        text = f"{rows_of(rows['blank_lines'], 'line')} without any character, left out of the numbering of rows"
        yield finding("low", "blank_line", text, rows["blank_lines"], advice="Remove them.")
    for entry in rows["duplicate_keys"]:
        examples: list[Example] = [{"row": row, "value": entry["key"]} for row in entry["rows"]]
        text = f"{rows_of(entry['count'], 'object')} with the key {entry['key']!r} twice; the first value is read"
        advice = "Repair what writes the file: programs differ in which value they take."
        yield finding(
            "high", "duplicate_key", text, entry["count"], column=entry["key"], examples=examples, advice=advice
        )
    if rows["totals"]:
        text = f"totals of other rows seem to stand in {rows_of(len(rows['totals']))}"
        advice = "Leave them out before you add up or count."
        yield finding("medium", "total_row", text, len(rows["totals"]), examples=rows["totals"], advice=advice)
    for total in profile["sums"]:
        text = f"the column is the sum of {', '.join(total['parts'])} in {total['agree']} of {total['rows']} rows"
        yield finding(
            "info", "total_column", text, total["agree"], column=total["column"], advice="Do not add it up with them."
        )


def _keys(profile: Profile) -> Iterator[Finding]:
    duplicates, rows = profile["duplicates"], profile["rows"]["profiled"]
    if duplicates["count"]:
        repeats, different = rows_of(duplicates["count"]), duplicates["groups"]
        text = f"the same in every cell as an earlier row: {repeats} ({different} different)"
        advice = "Find out whether they are repeated events or were loaded twice."
        yield finding(
            "medium", "duplicate_row", text, duplicates["count"], examples=duplicates["examples"], advice=advice
        )
    for spoiled in profile["keys"]["spoiled"]:
        examples: list[Example] = [
            {"row": v["rows"][0], "value": f"{v['value']}, also in row {v['rows'][1]}"} for v in spoiled["values"]
        ]
        text = f"looks like a key, but values are repeated in {rows_of(spoiled['count'])}"
        severity: Severity = "high" if spoiled["primary"] else "medium"
        advice = "Decide which of the rows is right, or do not use the column as a key."
        yield finding(
            severity, "repeated_key", text, spoiled["count"], column=spoiled["column"], examples=examples, advice=advice
        )
    single, pairs = profile["keys"]["single"], profile["keys"]["pairs"]
    if rows >= 10 and (single or pairs):
        named = " or ".join(single[:5]) if single else " or ".join(" with ".join(pair) for pair in pairs[:3])
        text = f"every row is identified by {named}"
        yield finding(
            "info",
            "candidate_key",
            text,
            len(single) or len(pairs),
            advice="Choose the one that stays unique by its meaning.",
        )
