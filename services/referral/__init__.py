"""One agency's node: it sends, receives, stores, replays and proves the messages of its cases."""
