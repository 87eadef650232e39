"""RecordStore on Redis."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final

from dataops_core.contracts.records import Finding, Key, Page, Stored, Table, Write, check_key
from dataops_core.contracts.sweeping import Swept
from dataops_core.errors import InvalidValue
from dataops_redis.addresses import Address
from dataops_redis.clock import Clock
from dataops_redis.commits import Commits
from dataops_redis.connection import Connection
from dataops_redis.keys import Entry, Names, entry_of, unpacked
from dataops_redis.scripts import script

#: Records that one step of a range looks at, and bytes after which it ends.
_STEP: Final = 250
_STEP_BYTES: Final = 4_000_000
#: Keys that one step of a scan looks at, at most, where none of them is a record.
_SCANNED: Final = 1_000


class RedisRecords:
    """Records in one Redis: alone, behind Sentinels, or a cluster. It connects when it is first used.

    Args:
        address: where.
        tables: every table that will be used.
    """

    capabilities = frozenset({"store_clock"})

    def __init__(self, address: Address, tables: Sequence[Table]) -> None:
        self.redis = Connection(address)
        self.tables = {table.name: table for table in tables}
        self.names = Names(address.prefix)
        self.clock = Clock(self.redis)

    # Reading

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        """Returns the newest version of one record, or None when it is absent or expired."""
        check_key(self._declared(table), partition, sort)
        value = self.redis.ask(lambda client: client.get(self.names.record(table, partition, sort)))
        return None if value is None else unpacked(value, self.redis.place)[0]

    def get_many(self, table: Table, keys: Sequence[Key]) -> list[Stored | None]:
        """Returns what `get` would return for each key, in order."""
        for partition, sort in keys:
            check_key(self._declared(table), partition, sort)
        values = self.values_of([self.names.record(table, *key) for key in keys])
        return [None if value is None else unpacked(value, self.redis.place)[0] for value in values]

    def range(
        self,
        table: Table,
        partition: str,
        lo: str | None = None,
        hi: str | None = None,
        *,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Stored]:
        """Returns the records of a partition whose sort key is in `[lo, hi]`, in sort order."""
        self._declared(table)
        keys = [self.names.listed(table, partition), self.names.before(table, partition)]
        low = b"-" if lo is None else b"[" + lo.encode(errors="surrogatepass")
        high = b"+" if hi is None else b"[" + hi.encode(errors="surrogatepass")
        found: list[Stored] = []
        while limit is None or len(found) < limit:
            step = _STEP if limit is None else min(limit - len(found), _STEP)
            bounds = [low, high, int(newest_first), step, _STEP_BYTES]
            more, last, *pairs = script("range").run(self.redis, keys, bounds)
            found += [unpacked(value, self.redis.place)[0] for value in pairs[1::2]]
            if not more:
                break
            if newest_first:
                high = b"(" + last
            else:
                low = b"(" + last
        return found

    def query(
        self,
        table: Table,
        index: str,
        value: str,
        *,
        newest_first: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Lists the records whose index partition equals `value`, by the index's sort field. May lag behind commits."""
        declared, size = self._declared(table).index(index), _page_size(limit)
        key = self.names.index(table, index, value)
        after = None if cursor is None else _bytes(_read_cursor(cursor, str))
        while True:
            names = self.listed(key, after, newest_first, size)
            entries = [entry_of(table, name) for name in names]
            values = self.values_of([self.names.record(table, *entry.key) for entry in entries])
            found = [
                stored
                for entry, raw in zip(entries, values, strict=True)
                if raw is not None and (stored := self._borne(raw, declared.name, value, entry)) is not None
            ]
            if len(names) < size:
                return Page(found)
            after = names[-1]
            if found:
                return Page(found, _cursor(after.hex()))

    def scan(self, table: Table, *, limit: int = 100, cursor: str | None = None) -> Page:
        """Enumerates a whole table in no promised order; what is moved meanwhile may come twice."""
        size = _page_size(limit)
        self._declared(table)
        node, position, left = 0, 0, []
        if cursor is not None:
            node, position, texts = _read_cursor(cursor, list)
            left = [_bytes(text) for text in texts]
        while True:
            nodes, count = self.servers(), size
            while len(left) < size and node < len(nodes):
                position, more = nodes[node](cursor=position, match=self.names.records_of(table), count=count)
                left += [name for name in more if name not in left]
                node += not position
                # Where others keep much here, few keys are ours. What is found beyond a page rides in the cursor.
                count = size if more else min(2 * count, max(size, _SCANNED))
            taken, left = left[:size], left[size:]
            keys = [key for name in taken if (key := self.names.key_in(table, name)) is not None]
            found = [stored for stored in self.get_many(table, keys) if stored is not None]
            over = not left and node >= len(nodes)
            if found or over:
                rest = [node, position, [name.hex() for name in left]]
                return Page(found, None if over else _cursor(rest))

    # Writing

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Applies all writes or none; see the contract."""
        for write in writes:
            self._declared(write.table)
        return Commits(self.redis, self.names, self.clock).commit(writes)

    # Care

    def prepare(self) -> list[str]:
        """Creates nothing, since Redis needs nothing created; asks whether the server is there."""
        self.redis.ask(lambda client: client.ping())
        return []

    def check(self) -> list[Finding]:
        """Says what is wrong with the server, and what may be lost there."""
        from dataops_redis.check import examine

        return examine(self.redis)

    def sweep(self, grace: float, *, dry_run: bool = False) -> list[Swept]:
        """Removes index entries that no record bears, and names of records that have expired."""
        from dataops_redis.sweeping import sweep

        return sweep(self, grace, dry_run=dry_run)

    def now(self) -> float:
        """Returns the server's clock, in seconds since 1970, UTC."""
        return self.clock.now()

    def close(self) -> None:
        """Releases connections; safe to call twice."""
        self.redis.close()

    # Within

    def _declared(self, table: Table) -> Table:
        if self.tables.get(table.name) != table:
            raise InvalidValue(f"table {table.name!r} was not declared like this when the store was opened")
        return table

    def values_of(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Returns what is kept under some names."""

        def read(client: Any) -> list[bytes | None]:
            with client.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.get(name)
                values: list[bytes | None] = pipeline.execute()
                return values

        return self.redis.ask(read) if names else []

    def listed(self, key: bytes, after: bytes | None, newest_first: bool, count: int) -> list[bytes]:
        """Returns the next names of an index."""
        least, most = b"-", b"+"
        if after is not None and newest_first:
            most = b"(" + after
        elif after is not None:
            least = b"(" + after
        found: list[bytes] = self.redis.ask(
            lambda client: (
                client.zrevrangebylex(key, most, least, start=0, num=count)
                if newest_first
                else client.zrangebylex(key, least, most, start=0, num=count)
            )
        )
        return found

    def _borne(self, raw: bytes, index: str, value: str, entry: Entry) -> Stored | None:
        """Returns the record when it bears the entry: what another version left behind does not count."""
        stored, entries = unpacked(raw, self.redis.place)
        return stored if [index, value, entry.sort, entry.id] in entries else None

    def servers(self) -> list[Callable[..., Any]]:
        """Returns what scans the keys of each server, in an order that stays."""
        if self.redis.address.kind != "cluster":
            return [lambda **arguments: self.redis.ask(lambda client: client.scan(**arguments))]

        def of(node: Any) -> Callable[..., Any]:
            def scan(**arguments: Any) -> Any:
                positions, names = self.redis.ask(lambda client: client.scan(**arguments, target_nodes=node))
                return next(iter(positions.values())), names

            return scan

        nodes = self.redis.ask(lambda client: client.get_primaries())
        return [of(node) for node in sorted(nodes, key=lambda node: str(node.name))]


def _page_size(limit: int) -> int:
    if limit < 1:
        raise InvalidValue(f"a page holds at least one record, not {limit}")
    return limit


def _cursor(position: Any) -> str:
    return urlsafe_b64encode(json.dumps(position).encode()).decode()


def _read_cursor(cursor: str, kind: type) -> Any:
    """Returns the position that a cursor names; a cursor is as hostile as any input."""
    try:
        position = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, RecursionError):
        position = None
    if kind is list and (
        not isinstance(position, list)
        or [type(part) for part in position] != [int, int, list]
        or not all(isinstance(text, str) for text in position[2])
        or not (0 <= position[0] < 10_000 and 0 <= position[1] < 1 << 64)
    ):
        position = None
    if not isinstance(position, kind):
        raise InvalidValue(f"{cursor!r:.60} is not a cursor of this listing", hint="begin the listing anew")
    return position


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidValue("that is not a cursor of this listing", hint="begin the listing anew") from None
