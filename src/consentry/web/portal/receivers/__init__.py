"""Who receives customers' data: apps and the intermediaries they come through, and decisions about them."""
