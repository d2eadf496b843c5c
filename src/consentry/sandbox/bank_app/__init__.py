"""The made-up bank's own app: what a bank's developers would write to embed the dashboard, on an origin of its own."""
