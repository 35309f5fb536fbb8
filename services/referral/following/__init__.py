"""What follows the node's own events: one loop, and what it keeps up: views, proofs, clocks, erasures."""
