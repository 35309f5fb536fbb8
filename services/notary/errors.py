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


class IndexDamaged(LogDamaged):
    """The index of the log is damaged; start the notary again, which makes it anew from the bundles."""

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


class LogRetired(Refusal):
    """This log is retired and takes no entries any more; submit to its successor, which the new root file names."""

    code = "log-retired"


class LogNotRetired(Refusal):
    """This log still runs or could run again; end it for good with `notary retire`, and then open its successor."""

    code = "log-not-retired"


class LogAway(Refusal):
    """The log does not answer as a log does; what was fetched so far is kept, so run the same command again later."""

    code = "log-away"


class NotServed(LogAway):
    """The log has nothing at this path now; run the same command again, it may have grown meanwhile."""

    code = "not-served"


class ServedRefused(Refusal):
    """What the log serves is not what it signed; nothing of it was kept. Fetch it again, and tell its operator."""

    code = "served"


class LogForked(Refusal):
    """The log shows two histories. Both signed checkpoints are kept and convict it: show them to everybody."""

    code = "log-forked"


class LogRolledBack(Refusal):
    """The log shows an older checkpoint than it did before; both are kept. Ask its operator, and fetch it again."""

    code = "log-rolled-back"


class MirrorRefused(Refusal):
    """This folder cannot hold a copy of this log; choose an empty folder, or the one that holds its copy already."""

    code = "mirror"


class NotFound(Refusal):
    """There is nothing at this path; fetch /checkpoint and ask for the tiles of its size."""

    code = "not-found"


class DiskRefused(Refusal):
    """A file or folder cannot be read or written; see whether the disk is full and whose the folder is."""

    code = "disk"


class SettingRefused(Refusal):
    """This setting cannot be used; correct it and start again."""

    code = "setting"
