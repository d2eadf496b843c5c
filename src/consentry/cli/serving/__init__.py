"""The processes behind `consentry serve`: a supervisor that keeps the socket, and workers that are replaced one by one."""
