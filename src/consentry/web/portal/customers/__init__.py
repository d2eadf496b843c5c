"""The pages about customers: found, opened for a reason, seen as they see themselves, stopped, blocked, evidenced."""
