"""PostgreSQL, the only store: transactions, one module an aggregate, the schema and the embedded server."""
