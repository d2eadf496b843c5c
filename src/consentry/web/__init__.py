"""HTTP: requests are parsed once at the edge, given to one use case, and its answer is rendered."""
