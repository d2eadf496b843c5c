"""What is only read: the log, and the documentation of the API."""
