"""One agency's node: it sends, receives, stores, replays and proves the messages of its cases."""

__version__ = "0.1.0"
