"""What the backup commands refuse: each class is one thing that is wrong, and its sentence says what to do about it."""

from __future__ import annotations

from referral.errors import ReferralRefusal


class BackupRefused(ReferralRefusal):
    """This is no whole backup that this key opens; nothing was changed: take another backup, or the right key."""

    code = "backup-refused"


class BackupKeyMissing(ReferralRefusal):
    """This node has no key to seal backups for; make one with `referral backup key` and keep its file elsewhere."""

    code = "backup-key-missing"


class BackupKeyExists(ReferralRefusal):
    """This node seals its backups for a key already; remove `backup.pub` from its folder to begin with another one."""

    code = "backup-key-exists"


class FolderTaken(ReferralRefusal):
    """A backup is put back into a folder that is empty or not there; name such a one, nothing is written over."""

    code = "folder-taken"


class EraseRegisterMissing(ReferralRefusal):
    """The register of what was erased is not there; without it erased cases would come back: name it (`--erased`)."""

    code = "erase-register-missing"


class BackupImpossible(ReferralRefusal):
    """This node cannot be backed up like this; nothing was written."""

    code = "backup-impossible"
