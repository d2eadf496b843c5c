"""The inbox of the made-up world: a real SMTP server that keeps what it gets, and pages that show it."""
