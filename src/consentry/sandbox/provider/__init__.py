"""The identity provider of the made-up staff: a process of its own, whose OpenID Connect others wrote."""
