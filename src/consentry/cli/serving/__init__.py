"""The processes of a service: a supervisor that keeps the socket, and workers that are replaced one by one."""
