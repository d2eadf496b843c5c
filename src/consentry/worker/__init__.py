"""Work that goes on beside requests: leases and loops, no rules."""
