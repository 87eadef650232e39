"""Loading JSON and JSON Lines: one row a record, one text column a key, with the JSON type that each value has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from data_profiler.document import Counted, Decision, Source, counted
from data_profiler.encoding import CHUNK, LONGEST_LINE
from data_profiler.engine import Engine, literal
from data_profiler.privacy import shown
from dataops_core.errors import InvalidValue

#: Keys beyond this many are left out, and that is said.
MOST_KEYS = 1000
#: A JSON text that is one object is held in memory whole; larger ones are refused. In bytes.
LARGEST_OBJECT = 64 * 1024 * 1024
_EXAMPLES = 5


@dataclass
class JsonFacts:
    """What is known of the records beside their values."""

    names: list[str] = field(default_factory=list)
    total: int = 0
    unreadable: Counted = field(default_factory=counted)
    duplicate_keys: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def load_json(engine: Engine, source: Source) -> JsonFacts:
    """Creates the table `loaded(rid, cells, extra, c0, t0, c1, t1, ...)`.

    `t` is the JSON type of `c`, NULL where the key is missing.

    Raises:
        InvalidValue: there is no record in the file.
    """
    facts = JsonFacts()
    encoding = source["encoding"]
    path = engine.source
    if encoding is not None and (
        encoding["codec"] not in ("utf-8", "utf-8-sig") or encoding["damaged"] or encoding["bom"]
    ):
        _transcode(
            Path(source["path"]), engine.rewritten, encoding["codec"], "replace" if encoding["damaged"] else "strict"
        )
        path = engine.rewritten
        facts.decisions.append({"subject": "reading", "decided": "rewritten as UTF-8 first", "why": "JSON is UTF-8"})
    if source["format"] == "jsonl":
        _read_lines(engine, path)
    else:
        _read_document(engine, path, source, facts)
    _set_aside(engine, facts)
    objects, others = engine.row(
        "SELECT count(*) FILTER (kind = 'OBJECT'), count(*) FILTER (kind <> 'OBJECT') FROM records"
    )
    facts.total = objects + others + facts.unreadable["count"]
    if not objects and not others:
        raise InvalidValue(
            f"the file {source['name']!r} holds no JSON record", hint="it looks like JSON and none of it can be parsed"
        )
    if not objects:
        facts.names = ["value"]
        facts.decisions.append(_decision("columns", "one column, value", "the records are no objects with keys"))
        engine.run(
            "CREATE TABLE loaded AS SELECT rid, 1 AS cells, NULL::VARCHAR AS extra,"
            " json_extract_string(j, '$') AS c0, kind AS t0 FROM records"
        )
    else:
        _spread(engine, facts)
    engine.run("DROP TABLE records")
    return facts


def _transcode(path: Path, target: Path, codec: str, errors: str) -> None:
    try:
        with (
            path.open(encoding=codec, errors=errors, newline="") as text,
            target.open("w", encoding="utf-8", newline="") as out,
        ):
            while chunk := text.read(CHUNK):
                out.write(chunk)
    except UnicodeError as error:
        raise InvalidValue(
            f"the file {path.name!r} is not valid {codec}: {error}", hint="write it again as UTF-8"
        ) from error


def _read_lines(engine: Engine, path: Path) -> None:
    longest = max(min(LONGEST_LINE, path.stat().st_size + 1), 64 * 1024)
    # A control character cannot stand in JSON, so this delimiter never cuts a line.
    engine.run(
        "CREATE TABLE records AS SELECT rid, CASE WHEN json_valid(line) THEN line::JSON END AS j, line,"
        " coalesce(CASE WHEN json_valid(line) THEN json_type(line) END, 'INVALID') AS kind"
        " FROM (SELECT row_number() OVER () AS rid, line FROM"
        f" read_csv({literal(str(path))}, columns = {{'line': 'VARCHAR'}}, delim = chr(1), quote = '', escape = '',"
        " header = false, auto_detect = false, strict_mode = true, parallel = false, compression = 'none',"
        f" nullstr = [chr(0) || 'none'], max_line_size = {longest}, buffer_size = {longest}))"
        " WHERE line IS NOT NULL AND trim(line) <> ''"
    )


def _read_document(engine: Engine, path: Path, source: Source, facts: JsonFacts) -> None:
    for layout in ("array", "unstructured"):
        try:
            engine.run(
                "CREATE TABLE records AS SELECT row_number() OVER () AS rid, json AS j, NULL::VARCHAR AS line,"
                f" json_type(json) AS kind FROM read_json_objects({literal(str(path))}, format = '{layout}',"
                f" maximum_object_size = {LARGEST_OBJECT}, compression = 'none')"
            )
            break
        except duckdb.InvalidInputException as error:
            engine.run("DROP TABLE IF EXISTS records")
            if layout == "unstructured":
                first = str(error).splitlines()[0].replace(str(path), source["name"])
                raise InvalidValue(
                    f"the file {source['name']!r} is not valid JSON: {first}",
                    hint="check that it is complete; a single object may have at most 64 MiB",
                ) from error
    if engine.row("SELECT count(*), min(kind) FROM records") == (1, "OBJECT"):
        _unwrap(engine, source, facts)


def _unwrap(engine: Engine, source: Source, facts: JsonFacts) -> None:
    """Many exports are one object that holds the records under one of its keys."""
    lists = engine.rows(
        "SELECT e.key, json_array_length(e.value) FROM records, json_each(j) AS e"
        " WHERE e.type = 'ARRAY' AND json_type(e.value, '/0') = 'OBJECT' ORDER BY 2 DESC"
    )
    if not lists:
        return
    key = lists[0][0]
    source["record_path"] = key
    facts.decisions.append(
        _decision("records", f"the list under {key!r}", "the file is one object that holds this list")
    )
    engine.run(
        "CREATE OR REPLACE TABLE records AS SELECT row_number() OVER () AS rid, e.value AS j, NULL::VARCHAR AS line,"
        " e.type AS kind FROM (SELECT l.value AS items FROM records, json_each(j) AS l WHERE l.key ="
        " ?), json_each(items) AS e",
        [key],
    )


def _set_aside(engine: Engine, facts: JsonFacts) -> None:
    """Rows that are no records are named and left out."""
    wanted = "'OBJECT'" if engine.row("SELECT count(*) FROM records WHERE kind = 'OBJECT'")[0] else None
    odd = f"kind <> {wanted}" if wanted else "kind = 'INVALID'"
    count = engine.row(f"SELECT count(*) FROM records WHERE {odd}")[0]
    if not count:
        return
    found = engine.rows(
        f"SELECT rid, left(coalesce(line, j::VARCHAR), 200) FROM records WHERE {odd} ORDER BY rid LIMIT {_EXAMPLES}"
    )
    facts.unreadable = {"count": count, "examples": [{"row": rid, "value": shown(text)} for rid, text in found]}
    engine.run(f"DELETE FROM records WHERE {odd}")


def _spread(engine: Engine, facts: JsonFacts) -> None:
    engine.run(
        "CREATE TEMP TABLE keys AS SELECT key, count(*) AS n, min(rid) AS first_rid,"
        " arg_min(position, rid) AS position FROM"
        " (SELECT rid, unnest(json_keys(j)) AS key, generate_subscripts(json_keys(j), 1) AS position"
        " FROM records) GROUP BY key"
    )
    names = [name for (name,) in engine.rows("SELECT key FROM keys ORDER BY first_rid, position")]
    if len(names) > MOST_KEYS:
        facts.decisions.append(
            _decision("columns", f"the first {MOST_KEYS} of {len(names)} keys", "more keys than a table has columns")
        )
    facts.names = names[:MOST_KEYS]
    twice = engine.rows(
        "SELECT key, count(*), list(rid ORDER BY rid)[:5] FROM (SELECT rid, key FROM"
        " (SELECT rid, unnest(json_keys(j)) AS key FROM records WHERE len(json_keys(j)) <>"
        " len(list_distinct(json_keys(j))))"
        " GROUP BY rid, key HAVING count(*) > 1) GROUP BY key ORDER BY 2 DESC LIMIT 20"
    )
    facts.duplicate_keys = [{"key": key, "count": count, "rows": rows} for key, count, rows in twice]
    paths = "[" + ", ".join(literal(_pointer(name)) for name in facts.names) + "]"
    columns = "".join(f", v[{i + 1}] AS c{i}, t[{i + 1}] AS t{i}" for i in range(len(facts.names)))
    engine.run(
        f"CREATE TABLE loaded AS SELECT rid, n AS cells, NULL::VARCHAR AS extra{columns} FROM (SELECT rid,"
        f" len(json_keys(j)) AS n, json_extract_string(j, {paths}) AS v, json_type(j, {paths}) AS t FROM records)"
    )
    engine.run("DROP TABLE keys")


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _decision(subject: str, decided: str, why: str) -> Decision:
    return {"subject": subject, "decided": decided, "why": why}
