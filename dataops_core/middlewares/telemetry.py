"""Opens an OpenTelemetry span around a node. Without an SDK configured this does nothing."""

from __future__ import annotations

from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware


class Telemetry(NodeMiddleware):
    """A span per execution of the node, under our own attribute names; contents of the state are never recorded."""

    name = "with_telemetry"
    order = 10

    def around(self, call: NodeCall) -> Around:
        """Runs the node inside a span."""
        from opentelemetry import trace

        tracer = trace.get_tracer("dataops")
        # An error's text may hold contents: only its type is told.
        with tracer.start_as_current_span(
            f"node {call.node}", record_exception=False, set_status_on_exception=False
        ) as span:
            for key, value in (
                ("workflow.name", call.workflow),
                ("dataops.node.name", call.node),
                ("dataops.run.id", call.run_id),
                ("gen_ai.conversation.id", call.session_id),
                ("dataops.run.attempt", call.attempt),
            ):
                if value:
                    span.set_attribute(key, value)
            try:
                result = yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(trace.StatusCode.ERROR)
                raise
            return result
