"""What the README promises of a user's rights is enough, and the words of the page are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

from dataops_redis import addresses
from dataops_redis.plugin import dataops_record_store
from redis_servers import server

from dataops_core.testing.record_case import ITEMS, TABLES, item, put, queried

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_rule_for_a_user_is_enough(tmp_path: Path) -> None:
    (rule,) = re.findall(r"^ACL SETUSER .*$", README, re.MULTILINE)
    words = rule.replace("+config|get", "").replace("PASSWORD", "secret").split()
    with server(tmp_path) as running:
        with running.client() as client:
            client.execute_command(*words)
            client.config_set("requirepass", "other")
        store = dataops_record_store(url=running.url.replace("//", "//dataops:secret@"), tables=TABLES)
        stored = put(store, item("s1", "a", tag="x"))
        assert store.get(ITEMS, "s1", "a") == stored == store.range(ITEMS, "s1")[0]
        assert queried(store, ITEMS, "tag-item", "x") == [stored.record]
        assert store.scan(ITEMS).items == [stored]
        assert not [finding for finding in store.check() if finding.level == "error"]
        store.sweep(0)
        store.close()


def test_every_option_is_in_the_table() -> None:
    for name in addresses._OPTIONS:
        assert f"`{name}`" in README, name


def test_the_urls_of_the_table_are_urls() -> None:
    urls = re.findall(r"^\| `(rediss?[^`]*)` \|", README, re.MULTILINE)
    assert len(urls) == 4
    for url in urls:
        assert addresses.address(url)
