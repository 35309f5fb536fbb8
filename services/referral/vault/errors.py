"""What the vault refuses: each class is one thing that is wrong, and its sentence says what to do about it."""

from __future__ import annotations

from referral.errors import ReferralRefusal


class VaultMissing(ReferralRefusal):
    """There is no vault in this folder; make one with `referral init` or restore the last vault backup."""

    code = "vault-missing"


class VaultExists(ReferralRefusal):
    """There is a vault in this folder already; name another folder, a vault is never written over."""

    code = "vault-exists"


class VaultLocked(ReferralRefusal):
    """This passphrase or key file does not open the vault; give the one that it was made with."""

    code = "vault-locked"


class VaultClosed(ReferralRefusal):
    """The vault was closed; open it again before you ask it for anything."""

    code = "vault-closed"


class VaultExposed(ReferralRefusal):
    """Others may read the vault; set its folder to mode 0700 and its files to 0600, and consider new keys."""

    code = "vault-exposed"


class VaultDamaged(ReferralRefusal):
    """A key in the vault does not open under the vault key; restore the last vault backup."""

    code = "vault-damaged"


class KeyFileRefused(ReferralRefusal):
    """This key file cannot be used; it holds 43 characters made by `referral init`, and only its owner may read it."""

    code = "key-file-refused"


class PassphraseRefused(ReferralRefusal):
    """There is no passphrase; give one at the prompt, in the environment or in a credential file."""

    code = "passphrase-refused"


class EraseRegisterDamaged(ReferralRefusal):
    """The register of what was erased is not whole; put its own copy back, or ask whoever could write it."""

    code = "erase-register-damaged"


class EraseRegisterUnwritable(ReferralRefusal):
    """The register of what was erased cannot be written, so nothing was erased; make its place writable (`erased`)."""

    code = "erase-register-unwritable"


class StreamRefused(ReferralRefusal):
    """This sealed file does not open: it is another file, or torn, or for another key; take another copy of it."""

    code = "stream-refused"


class KeyUnknown(ReferralRefusal):
    """The vault holds no such key and does not know it as erased; restore a vault backup that holds it."""

    code = "key-unknown"


class CaseErased(ReferralRefusal):
    """This case was erased: its key is destroyed, and nothing opens its events again."""

    code = "case-erased"


class SectionErased(ReferralRefusal):
    """This section was erased: its key is destroyed, and its commitment stays in the history."""

    code = "section-erased"


class SealRefused(ReferralRefusal):
    """These sealed bytes do not open at this place; they were changed, cut or moved: compare with a backup."""

    code = "seal-refused"
