"""Every dialect of sqlglot reads what all of them share, and finds the same lineage."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot.dialects.dialect import Dialects

SCRIPT = """CREATE TABLE paid AS
SELECT o.id, o.customer_id, o.amount - o.discount AS net FROM sales.orders AS o WHERE o.status = 'paid';
INSERT INTO report (customer, revenue)
WITH totals AS (SELECT customer_id, SUM(net) AS revenue FROM paid GROUP BY customer_id)
SELECT c.name, t.revenue FROM totals AS t JOIN crm.customers AS c ON c.id = t.customer_id
UNION ALL
SELECT x.name, (SELECT MAX(y.total) FROM other AS y WHERE y.k = x.k) FROM (SELECT * FROM old) AS x;
"""


@pytest.mark.parametrize("dialect", sorted({d.value for d in Dialects} - {"", "dax", "prql", "solr"}))
def test_every_dialect(traced: Any, dialect: str) -> None:
    found = traced(SCRIPT, dialect)
    assert found.found["errors"] == found.found["unresolved"] == []
    lowered = {name.lower(): {source.lower() for source in sources} for name, sources in found.columns.items()}
    assert lowered == {
        "customer": {"crm.customers.name", "old.name"},
        "revenue": {"sales.orders.amount", "sales.orders.discount", "other.total"},
    }
    assert [t.lower() for t in found.found["tables"]["written"]] == ["paid", "report"]
