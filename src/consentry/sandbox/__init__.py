"""What `make demo` runs: an institution with customers, apps and consents, made from a seed."""
