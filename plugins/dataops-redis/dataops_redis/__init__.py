"""DataOps records in Redis."""
