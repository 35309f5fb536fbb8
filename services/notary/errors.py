"""Why the notary stops or does not start; each sentence says what an operator does next."""

from __future__ import annotations

from contracts.refusal import Refusal


class LogMissing(Refusal):
    """There is no log in this folder; make one with `notary init`."""

    code = "log-missing"


class LogExists(Refusal):
    """There is a log in this folder already; serve it, or choose another folder."""

    code = "log-exists"


class LogInUse(Refusal):
    """Another process holds this log; stop it first, two sequencers would fork the log."""

    code = "log-in-use"


class LogDamaged(Refusal):
    """Nothing is signed over damaged files; restore the named ones from a copy of the log, then run `notary fsck`."""

    code = "log-damaged"


class HeadMoved(Refusal):
    """Somebody else has moved the head of this log; stop every notary on this folder and find out who."""

    code = "head-moved"


class LogStopped(Refusal):
    """The notary takes no entries now; submit them again later, nothing is taken twice."""

    code = "log-stopped"


class WitnessStopped(Refusal):
    """This notary cosigns nothing now; its operator finds the reason in its status, and then it is asked again."""

    code = "witness-stopped"


class NotFound(Refusal):
    """There is nothing at this path; fetch /checkpoint and ask for the tiles of its size."""

    code = "not-found"


class SettingRefused(Refusal):
    """This setting cannot be used; correct it and start again."""

    code = "setting"
