"""What people decide: the case, consent, the commands and their rules. No IO, no clock, no keys: it returns drafts."""
