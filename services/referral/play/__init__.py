"""Journeys: stories as files that real nodes live through on a virtual clock, for training and for tests."""
