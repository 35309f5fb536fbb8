"""The notary's face: entries in by signed requests, everything else out by C2SP's paths, to anybody."""

from notary.api.app import Notary, make_app

__all__ = ["Notary", "make_app"]
