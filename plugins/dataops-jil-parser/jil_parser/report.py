"""From definitions to the answer and the three artifacts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jil_parser import airflow, asked, mermaid
from jil_parser.answer import answer
from jil_parser.boxes import Nesting
from jil_parser.definitions import Definitions
from jil_parser.document import Direction, ask, document
from jil_parser.network import build
from jil_parser.order import put_in_order


def report(
    definitions: Definitions,
    nesting: Nesting,
    job: str,
    direction: Direction,
    query: str,
    progress: Callable[[float, str], None],
) -> dict[str, Any]:
    """Returns `dependencies` (the document), `diagram`, `dag` and `answer`.

    Args:
        definitions: what the file defines.
        nesting: the boxes, resolved.
        job: the job of the parameter, or "" to look in the query.
        direction: what is asked of the job.
        query: the words that asked for the run, or "".
        progress: told the share that is done, and a message.

    Raises:
        NotFound: the parameter names no job of the file.
    """
    network = build(definitions)
    progress(0.8, f"{len(network.jobs)} jobs in order")
    order = put_in_order(network)
    made = document(definitions, nesting, network, order)
    if job.strip():
        made["asked"] = ask(network, order, asked.required(network, job), direction, "parameter")
    else:
        name, note = asked.named(network, query)
        made["notes"] += [note] if note else []
        made["asked"] = ask(network, order, name, direction, "query") if name else None
    progress(0.9, "diagram and Airflow DAG")
    dag, made["airflow"] = airflow.dag(network, order, nesting, made["asked"])
    return {
        "dependencies": made,
        "diagram": mermaid.diagram(network, made),
        "dag": dag,
        "answer": answer(made, network),
    }
