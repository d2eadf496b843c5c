"""The rules of consent management: values and decisions, without I/O, clock or framework."""
