"""Runs: how a workflow's graph is built, executed, made durable and taken over."""

import os

# LangGraph reads it when it is imported: state is read back only as types that the graph's schemas name
# (CVE-2026-28277).
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
