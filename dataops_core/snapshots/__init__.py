"""Snapshots: a session's context as one file, written, read back without trust, and loaded into a session."""
