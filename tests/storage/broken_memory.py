"""Ways to break the backend of the documentation: what is written instead, and the clause that must notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    name: str
    old: str
    new: str
    clause: str


_ENCODED = "records.encode_writes(writes)"
_UNLIMITED = (
    "[json.dumps(w.record, ensure_ascii=False, separators=',:') if isinstance(w, Put) else None for w in writes]"
)
_EXPIRY = "and not records.expired(record, self.now()) else None"
_LOADED = "record = json.loads(body)"
_REFUSAL = "                if not holds(write.when, stored):\n"
_BEFORE = "            before = [self.get(write.table, *records.key_of(write)) for write in writes]\n"
_AGAIN = "if any(isinstance(w, Put) and b is not None and b.token == w.token for w, b in zip(writes, before)):"
_NEWER = "row[0] > last)]"

BROKEN_RECORDS = (
    Mutant("loses a Check", _REFUSAL, _REFUSAL.replace(":", " and hasattr(write, 'record'):"), "test_conditions"),
    Mutant("takes ABSENT for ANY", "return when is ANY or stored is None", "return True", "test_conditions"),
    Mutant("takes any version for the right one", " and stored.token == records.token_of(when)", "", "test_conditions"),
    Mutant("reads what expired", _EXPIRY, "else None", "test_what_expires_is_gone_at_once"),
    Mutant(
        "refuses ABSENT where something expired",
        _REFUSAL,
        "                there = (write.table.name, *records.key_of(write)) in self.held\n"
        "                if not holds(write.when, stored) or write.when is ABSENT and there:\n",
        "test_an_expired_record_makes_room",
    ),
    Mutant(
        "keeps the first token",
        "= (body, write.token)",
        "= (body, self.held.get(key, (0, write.token))[1])",
        "test_a_range_gives_records_with_their_versions",
    ),
    Mutant(
        "returns tokens that are not the record's",
        "        return tokens\n",
        "        return [token[::-1] for token in tokens]\n",
        "test_a_record_is_read_as_it_was_written",
    ),
    Mutant("applies a commit twice", _AGAIN, "if False:", "test_an_unconditional_commit_sent_again_writes_nothing"),
    Mutant(
        "knows a commit again by all its tokens",
        _AGAIN,
        _AGAIN.replace("any", "all"),
        "test_a_commit_sent_again_is_recognised",
    ),
    Mutant(
        "knows a commit again by its first write",
        "zip(writes, before)):\n                return",
        "list(zip(writes, before))[:1]):\n                return",
        "test_a_commit_sent_again_is_recognised",
    ),
    Mutant(
        "applies what stands before the refused write",
        _REFUSAL,
        "                if isinstance(write, Put) and holds(write.when, stored):\n"
        "                    self.held[write.table.name, *records.key_of(write)] = (bodies[position], write.token)\n"
        + _REFUSAL,
        "test_a_commit_is_applied_whole_or_not_at_all",
    ),
    Mutant("names no write", "index=position, ", "", "test_a_commit_is_applied_whole_or_not_at_all"),
    Mutant(
        "lets others in between looking and writing",
        _BEFORE,
        _BEFORE + "            LOCK.release(), time.sleep(0.001), LOCK.acquire()\n",
        "test_threads_lose_no_update",
    ),
    Mutant(
        "lets NUL through",
        "records.check_key(table, partition, sort)",
        "records.check_key(table, partition.replace(chr(0), '') if isinstance(partition, str) else partition, sort)",
        "test_impossible_keys",
    ),
    Mutant(
        "takes NaN",
        _ENCODED,
        f"{_UNLIMITED} if 'NaN' in str({_UNLIMITED.replace('False', 'False, default=str')}) else {_ENCODED}",
        "test_impossible_records",
    ),
    Mutant(
        "takes records of any size",
        _ENCODED,
        _UNLIMITED,
        "test_the_size_limit_counts_bytes_of_json",
    ),
    Mutant("crosses scopes", _ENCODED, _UNLIMITED, "test_a_commit_stays_in_one_scope"),
    Mutant(
        "counts characters for bytes",
        "bodies = records.encode_writes(writes)  # refuses what breaks a limit",
        f"bodies = {_UNLIMITED}\n        if any(len(body or '') > 380_000 for body in bodies):\n"
        "            raise records.InvalidValue('too large')",
        "test_the_largest_record",
    ),
    Mutant(
        "drops NUL from texts",
        _LOADED,
        "record = {n: v.replace(chr(0), '') if isinstance(v, str) else v for n, v in json.loads(body).items()}",
        "test_hostile_values",
    ),
    Mutant(
        "takes a field for its own",
        _LOADED,
        _LOADED + "\n        record.pop('_token', None)",
        "test_fields_may_have_any_name",
    ),
    Mutant("rounds numbers", _LOADED, "record = json.loads(body, parse_int=float)", "test_numbers_and_truth"),
    Mutant(
        "holds no deep records",
        _LOADED,
        "record = json.loads(body) if body.count('[') < 40 else {}",
        "test_deep_and_wide_records",
    ),
    Mutant(
        "leaves out the end of a range",
        "<= (hi or sort)]",
        "< (hi or sort + 'x')]",
        "test_a_range_is_ordered_and_bounded",
    ),
    Mutant(
        "limits a range before it sorts",
        "in sorted(rows,",
        "in sorted(rows[:limit],",
        "test_a_range_is_ordered_and_bounded",
    ),
    Mutant(
        "answers with half at most", "newest_first)][:limit]", "newest_first)][: limit or 500]", "test_many_records"
    ),
    Mutant(
        "has a cursor of the sort alone", _NEWER, "row[0][:1] > last[:1])]", "test_records_of_one_rank_are_all_listed"
    ),
    Mutant("shows the last row again", _NEWER, "row[0] >= last)]", "test_an_index_is_ordered_and_complete"),
    Mutant(
        "ends one page early",
        "if len(rows) > limit",
        "if len(rows) > limit + 1",
        "test_an_index_is_ordered_and_complete",
    ),
    Mutant(
        "pages by number",
        "    rows = [row for row in rows if last is None or (row[0] < last if newest_first else row[0] > last)]\n"
        "    rows.sort(key=lambda row: row[0], reverse=newest_first)\n"
        '    more = "\\0".join(rows[limit - 1][0]) if len(rows) > limit else None\n',
        "    rows.sort(key=lambda row: row[0], reverse=newest_first)\n"
        "    start = int(cursor or 0)\n"
        "    more = str(start + limit) if len(rows) > start + limit else None\n"
        "    rows = rows[start:]\n",
        "test_paging_shows_what_stays_exactly_once",
    ),
    Mutant(
        "lists the oldest first",
        "rows.sort(key=lambda row: row[0], reverse=newest_first)",
        "rows.sort()",
        "test_an_index_is_ordered_and_complete",
    ),
    Mutant(
        "forgets when it is closed",
        "        pass\n",
        "        self.held.clear()\n",
        "test_closing_twice_is_harmless_and_loses_nothing",
    ),
    Mutant("is well in silence", '[Finding("ok", "this process is alive")]', "[]", "test_a_healthy_store_says_so"),
    Mutant(
        "prepares again and again", "return []  #", "return ['made it']  #", "test_preparing_twice_does_nothing_more"
    ),
)
