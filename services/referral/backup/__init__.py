"""Backups of a node: made while it runs, sealed for a key that is kept elsewhere, put back into an empty folder."""
