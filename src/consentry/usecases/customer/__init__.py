"""What staff does for an institution's customers: find, look at, stop sharing for, block."""
