"""A witness of histories: an append-only log of content ids that never sees what they name."""
