"""Archives: a session that is over as one compressed file, and reading it back as if its rows were still there."""
