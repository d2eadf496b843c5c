"""The command line: what operators do by hand."""
