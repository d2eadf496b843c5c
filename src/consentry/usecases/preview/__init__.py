"""The dashboard as staff try it: for customers that are no people."""
