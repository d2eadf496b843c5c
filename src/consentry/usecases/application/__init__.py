"""Applications in the hands of staff: listed, looked at, and let in or not."""
