"""What routing a query costs by the size of the catalogue."""

from __future__ import annotations

import random
from collections.abc import Iterator

from bench.measure import Row, quantiles

_WORDS = (
    "profile load copy check compare merge export import clean split table column file report order customer invoice "
    "payment schema lineage job batch stream cluster bucket record message session key value index query plan cost"
).split()


def rows() -> Iterator[Row]:
    """Measures catalogues of made-up workflows with five example queries each."""
    from dataops_core.contracts.manifest import Manifest
    from dataops_core.routing.router import Router

    random.seed(7)

    def sentence(length: int) -> str:
        return " ".join(random.choices(_WORDS, k=length))

    for count, limit in ((20, 0.3), (150, 2.0), (1000, 10.0)):
        manifests = [
            Manifest(f"w{n}", "1", sentence(8), example_queries=tuple(sentence(7) for _ in range(5)))
            for n in range(count)
        ]
        router = Router(manifests)
        queries = [sentence(9) for _ in range(20)]
        sides = {"route": lambda router=router, queries=queries: [router.route(q) for q in queries]}
        cpu = quantiles(sides, rounds=40)
        yield Row(
            f"route a query, {count} workflows", cpu["route"] / len(queries) * 1e3, limit, " ms", "Router.route, CPU"
        )
