"""RFC 6962 trees over SHA-256: hashes, roots, inclusion and consistency proofs, and their verification.

Leaves are known here by their hash alone (32 bytes, `leaf_hash(entry)`), proofs are tuples of such hashes, and a size
is the number of leaves. Proofs are made as RFC 6962 2.1.1 and 2.1.2 define them; they are verified by the steps of
RFC 9162 2.1.3.2 and 2.1.4.2, which say how for the very same proofs. A proof that does not hold raises
`TreeProofRefused`; nothing here reads, waits or remembers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HASH_SIZE: Final = 32
MAX_SIZE: Final = 2**63 - 1
MAX_PROOF: Final = 63
_SHARED: Final = 256  # neighbouring leaves whose paths are the same from a common subtree up
EMPTY_ROOT: Final = hashlib.sha256().digest()


class TreeProofRefused(Refusal):
    """This proof does not lead to this root; ask for it again, and keep both checkpoints if it fails again."""

    code = "tree-proof"


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || entry) (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of many leaves."""
    # The same as calling leaf_hash for each, at half the time: a notary hashes everything it keeps again and again.
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right) (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root above a power of two of neighbouring hashes."""
    sha256 = hashlib.sha256
    row = hashes
    while len(row) > 1:
        one = iter(row)
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(one, one, strict=True)]
    return row[0]


class Frontier:
    """The roots of the perfect subtrees that a tree of `size` leaves falls into: enough to grow it and to root it."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Start from `size` leaves and the roots of its perfect subtrees, the largest (leftmost) first."""
        self.size = size
        self.peaks = list(peaks)

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        carried = self.size
        while carried & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            carried >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root: the hash of nothing for the empty tree."""
        if not self.peaks:
            return EMPTY_ROOT
        folded = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            folded = node_hash(peak, folded)
        return folded


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes (RFC 6962 2.1)."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()


def perfect_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return the (height, position) of the largest perfect subtrees that cover the leaves `start` to `end` - 1.

    `start` must be where such a subtree can begin, as every start in a proof is; they come from left to right, and
    folded from the right they give the subtree's root.
    """
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        found.append((height, start >> height))
        start += 1 << height
    return found


class Prover:
    """Makes proofs from any source of perfect subtrees' roots: a list of leaves, or tiles.

    Proofs of one tree share most of their hashes, so it remembers them: many proofs cost little more than one.
    """

    __slots__ = ("_above", "_known", "subtree")

    def __init__(self, subtree: Callable[[int, int], bytes]) -> None:
        """Take `subtree(height, position)`: the root over leaves `position << height` up to the next position."""
        self.subtree = subtree
        self._known = dict[tuple[int, int], bytes]()
        self._above = dict[tuple[int, int], tuple[int, int, tuple[bytes, ...]]]()

    def root(self, start: int, end: int) -> bytes:
        """Return the root over the leaves from `start` to `end` - 1."""
        found = self._known.get((start, end))
        if found is None:
            found = self._known[start, end] = self._fold(start, end)
        return found

    def _fold(self, start: int, end: int) -> bytes:
        width = end - start
        if width and not width & (width - 1) and not start & (width - 1):
            return self.subtree(width.bit_length() - 1, start // width)
        hashes = [self.subtree(height, position) for height, position in perfect_subtrees(start, end)]
        if not hashes:
            return EMPTY_ROOT
        folded = hashes.pop()
        while hashes:
            folded = node_hash(hashes.pop(), folded)
        return folded

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return PATH(index, D[size]) of RFC 6962 2.1.1, from the leaf's sibling up; an index outside is refused."""
        if not 0 <= index < size:
            raise TreeProofRefused("There is no leaf at this index in a tree of this size.")
        shared = (index // _SHARED, size)
        if shared not in self._above:
            self._above[shared] = self._descend(index, 0, size, _SHARED)
        start, end, above = self._above[shared]
        return self._descend(index, start, end, 1)[2] + above

    def _descend(self, index: int, start: int, end: int, width: int) -> tuple[int, int, tuple[bytes, ...]]:
        """Go down towards a leaf to a subtree of at most `width` leaves; return it, and the path from it up."""
        path: list[bytes] = []
        root = self.root
        while end - start > width:
            middle = start + _split(end - start)
            if index < middle:
                path.append(root(middle, end))
                end = middle
            else:
                path.append(root(start, middle))
                start = middle
        path.reverse()
        return start, end, tuple(path)

    def consistency(self, old: int, size: int) -> tuple[bytes, ...]:
        """Return PROOF(old, D[size]) of RFC 6962 2.1.2; it is empty for an empty or an equal old tree."""
        if not 0 <= old <= size:
            raise TreeProofRefused("The older tree is not the larger one.")
        if old in {0, size}:
            return ()
        path: list[bytes] = []
        start, end = 0, size
        known = True  # the "b" of RFC 6962: whether the subtree at hand is the whole old tree, whose root one has
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self.root(middle, end))
                end = middle
            else:
                path.append(self.root(start, middle))
                start, known = middle, False
        if not known:
            path.append(self.root(start, end))
        return tuple(reversed(path))


def leaves_prover(leaves: Sequence[bytes]) -> Prover:
    """Return a prover over leaf hashes in memory; every subtree is hashed once."""
    rows: list[list[bytes]] = [list(leaves)]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
    return Prover(lambda height, position: rows[height][position])


def _split(width: int) -> int:
    """Return the largest power of two below `width` (RFC 6962 2.1 calls it k)."""
    return 1 << ((width - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if `proof` shows `leaf` (a leaf hash) at `index` of the tree of `size` leaves under `root`.

    Otherwise raise `TreeProofRefused` (RFC 9162 2.1.3.2).
    """
    _check_hashes(leaf, root, *proof)
    # Step 1: the index is inside the tree.
    if not 0 <= index < size <= MAX_SIZE:
        raise TreeProofRefused("There is no leaf at this index in a tree of this size.")
    # Steps 2 and 3.
    fn, sn = index, size - 1
    computed = leaf
    # Step 4: one hash of the proof after the other.
    for hashed in proof:
        # Step 4(a).
        if sn == 0:
            raise TreeProofRefused("The proof is too long.")
        # Step 4(b).
        if fn & 1 or fn == sn:
            computed = node_hash(hashed, computed)
            # Step 4(b)ii: up to where this node stops being the last one of its row alone.
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, hashed)
        # Step 4(c).
        fn, sn = fn >> 1, sn >> 1
    # Step 5.
    if sn != 0:
        raise TreeProofRefused("The proof is too short.")
    if computed != root:
        raise TreeProofRefused("It leads to another root.")


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Return if `proof` shows that the tree (`size`, `root`) begins with the tree (`old`, `old_root`).

    Otherwise raise `TreeProofRefused` (RFC 9162 2.1.4.2; the empty tree as C2SP's tlog-witness has it).
    """
    _check_hashes(old_root, root, *proof)
    if not 0 <= old <= size <= MAX_SIZE:
        raise TreeProofRefused("The older tree is not the larger one.")
    if old in {0, size}:
        _verify_no_proof(old, old_root, size, root, proof)
        return
    # Step 1: an empty proof says nothing here.
    if not proof:
        raise TreeProofRefused("The proof is too short.")
    # Step 2: the root of a perfect old tree is left out of its proof.
    path = [old_root, *proof] if old & (old - 1) == 0 else proof
    # Steps 3 and 4: up to the first row where the old tree's last node has no sibling to its right.
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # Step 7.
    if _fold_consistency(path, fn, sn) != (old_root, root):
        raise TreeProofRefused("It leads to another root.")


def _fold_consistency(path: Sequence[bytes], fn: int, sn: int) -> tuple[bytes, bytes]:
    """Return the roots of the old and of the new tree that a proof leads to (RFC 9162 2.1.4.2, steps 5 to 7)."""
    # Step 5.
    older = newer = path[0]
    # Step 6.
    for hashed in path[1:]:
        # Step 6(a).
        if sn == 0:
            raise TreeProofRefused("The proof is too long.")
        # Step 6(b).
        if fn & 1 or fn == sn:
            older, newer = node_hash(hashed, older), node_hash(hashed, newer)
            # Step 6(b)iii.
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            newer = node_hash(newer, hashed)
        # Step 6(c).
        fn, sn = fn >> 1, sn >> 1
    # Step 7, last part: the whole height is climbed.
    if sn != 0:
        raise TreeProofRefused("The proof is too short.")
    return older, newer


def _verify_no_proof(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise TreeProofRefused("Here the proof is empty.")
    if old == 0 and old_root != EMPTY_ROOT:
        raise TreeProofRefused("An empty tree has the hash of nothing as its root.")
    if old == size and old_root != root:
        raise TreeProofRefused("One size has two roots: keep both checkpoints, together they convict the log.")


def _check_hashes(*hashes: bytes) -> None:
    for hashed in hashes:
        if len(hashed) != HASH_SIZE:
            raise TreeProofRefused(f"A hash has {HASH_SIZE} bytes.")
