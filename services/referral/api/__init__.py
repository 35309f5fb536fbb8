"""The HTTP face of a node: the same commands and queries as the command line, with problems that say what to do."""
