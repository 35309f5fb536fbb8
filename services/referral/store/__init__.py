"""The event store of one node: sealed events, positions, answers to commands; trust: `referral.store.events`."""
