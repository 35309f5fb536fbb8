// Command auditor lets verifiers that are not Landfall's judge what Landfall publishes.
//
// It reads requests as JSON, one a line, and answers each with one line: {"holds":true, …} or {"holds":false,"why":…}.
// The last answer is its exit code, so that one request through the command line says yes or no by itself.
// Signed notes and trees are verified by golang.org/x/mod, policies, cosignatures and proof files by torchwood, whole
// logs by the fsck of Tessera. Nothing here is verified by code of our own.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const longest = 1 << 26

// request is what is to be judged; bytes are base64 in JSON. Which fields matter says `Do`.
type request struct {
	Do         string
	Key        string            // the log's public key, as signed notes write it
	Policy     []byte            // a trust policy
	Checkpoint []byte            // a signed checkpoint
	Older      []byte            // an earlier one
	Index      int64             // where an entry stands
	Entry      []byte            // its bytes
	Hashes     [][]byte          // an inclusion or a consistency proof
	Proof      []byte            // a .tlog-proof file
	Files      map[string][]byte // a log's files by their paths
}

// answer is the judgement; Made holds a proof that was made here from tiles, for Landfall to verify in turn.
type answer struct {
	Holds bool     `json:"holds"`
	Why   string   `json:"why,omitempty"`
	Size  int64    `json:"size,omitempty"`
	Root  []byte   `json:"root,omitempty"`
	Made  [][]byte `json:"made,omitempty"`
}

func main() {
	flag.Parse()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longest)
	out := json.NewEncoder(os.Stdout)
	holds := false
	for lines.Scan() {
		var asked request
		var said answer
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, "not a request:", err)
			os.Exit(2)
		}
		if err := judge(asked, &said); err != nil {
			said = answer{Why: err.Error()}
		} else {
			said.Holds = true
		}
		holds = said.Holds
		if err := out.Encode(said); err != nil {
			os.Exit(2)
		}
	}
	if !holds {
		os.Exit(1)
	}
}

func judge(asked request, said *answer) error {
	switch asked.Do {
	case "policy":
		return policy(asked, said)
	case "proof":
		return proof(asked)
	case "fsck":
		return wholeLog(asked)
	}
	tree, err := open(asked.Key, asked.Checkpoint)
	if err != nil {
		return err
	}
	said.Size, said.Root = tree.N, tree.Hash[:]
	switch asked.Do {
	case "checkpoint":
		return nil
	case "inclusion":
		return tlog.CheckRecord(hashes(asked.Hashes), tree.N, tree.Hash, asked.Index, tlog.RecordHash(asked.Entry))
	case "consistency":
		return consistency(asked, tree)
	case "tiles":
		return tiles(asked, tree)
	case "prove":
		return prove(asked, tree, said)
	}
	return errors.New("nothing of this name is judged")
}

// open returns the tree that a checkpoint states under the log's signature.
func open(key string, signed []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	stated, err := torchwood.ParseCheckpoint(opened.Text)
	if err != nil {
		return tlog.Tree{}, err
	}
	if stated.Origin != verifier.Name() {
		return tlog.Tree{}, errors.New("another origin")
	}
	return stated.Tree, nil
}

func hashes(given [][]byte) []tlog.Hash {
	made := make([]tlog.Hash, len(given))
	for i, one := range given {
		copy(made[i][:], one)
	}
	return made
}

func consistency(asked request, tree tlog.Tree) error {
	older, err := open(asked.Key, asked.Older)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes(asked.Hashes), tree.N, tree.Hash, older.N, older.Hash)
}

func policy(asked request, said *answer) error {
	trusted, err := torchwood.ParsePolicy(asked.Policy)
	if err != nil {
		return err
	}
	stated, _, err := torchwood.VerifyCheckpoint(asked.Checkpoint, trusted)
	said.Size, said.Root = stated.N, stated.Hash[:]
	return err
}

func proof(asked request) error {
	trusted, err := torchwood.ParsePolicy(asked.Policy)
	if err != nil {
		return err
	}
	return torchwood.VerifyProof(trusted, tlog.RecordHash(asked.Entry), asked.Proof)
}

// files serves a log's tiles to the readers of both libraries.
type files map[string][]byte

func (f files) Height() int { return torchwood.TileHeight }

func (f files) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, tile := range wanted {
		raw, ok := f[torchwood.TilePath(tile)]
		if !ok {
			return nil, fmt.Errorf("no file %s", torchwood.TilePath(tile))
		}
		found[i] = raw
	}
	return found, nil
}

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func (f files) read(path string) ([]byte, error) {
	if raw, ok := f[path]; ok {
		return raw, nil
	}
	return nil, os.ErrNotExist
}

func (f files) ReadCheckpoint(context.Context) ([]byte, error) { return f.read(layout.CheckpointPath) }

func (f files) ReadTile(_ context.Context, level, index uint64, partial uint8) ([]byte, error) {
	return f.read(layout.TilePath(level, index, partial))
}

func (f files) ReadEntryBundle(_ context.Context, index uint64, partial uint8) ([]byte, error) {
	return f.read(layout.EntriesPath(index, partial))
}

func reader(asked request, tree tlog.Tree) tlog.HashReader {
	return tlog.TileHashReader(tree, files(asked.Files))
}

// tiles checks that every tile leads to the root and that every entry is the one that its leaf says.
func tiles(asked request, tree tlog.Tree) error {
	verified := reader(asked, tree)
	for at := int64(0); at < tree.N; at += torchwood.TileWidth {
		width := min(tree.N-at, torchwood.TileWidth)
		raw, err := files(asked.Files).read(layout.EntriesPath(uint64(at/torchwood.TileWidth), uint8(width%torchwood.TileWidth)))
		if err != nil {
			return err
		}
		if err := bundle(raw, at, width, verified); err != nil {
			return err
		}
	}
	root, err := tlog.TreeHash(tree.N, verified)
	if err == nil && root != tree.Hash {
		err = errors.New("another root")
	}
	return err
}

// bundle checks the entries from index first on against the leaves of a log.
func bundle(raw []byte, first, width int64, verified tlog.HashReader) error {
	indices := make([]int64, width)
	for i := range indices {
		indices[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	leaves, err := verified.ReadHashes(indices)
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		var entry []byte
		if entry, raw, err = torchwood.ReadTileEntry(raw); err != nil {
			return err
		}
		if leaf != tlog.RecordHash(entry) {
			return fmt.Errorf("entry %d is another one than its leaf says", first+int64(i))
		}
	}
	if len(raw) != 0 {
		return errors.New("a bundle holds more than its entries")
	}
	return nil
}

// prove makes the inclusion proof of an index, or the consistency proof from an older tree, from tiles alone.
func prove(asked request, tree tlog.Tree, said *answer) error {
	var made []tlog.Hash
	var err error
	if asked.Older == nil {
		made, err = tlog.ProveRecord(tree.N, asked.Index, reader(asked, tree))
	} else {
		var older tlog.Tree
		if older, err = open(asked.Key, asked.Older); err == nil {
			made, err = tlog.ProveTree(tree.N, older.N, reader(asked, tree))
		}
	}
	for _, one := range made {
		said.Made = append(said.Made, one[:])
	}
	return err
}

// workers are more than a small log has tiles: with fewer, fsck waits for ever once one of them has found a wrong tile.
const workers = 16

func wholeLog(asked request) (err error) {
	// fsck panics over a bundle that holds fewer entries than it should; the log is refused all the same.
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("fsck panicked: %v", panicked)
		}
	}()
	verifier, err := note.NewVerifier(strings.TrimSpace(asked.Key))
	if err != nil {
		return err
	}
	return fsck.New(verifier.Name(), verifier, files(asked.Files), leaves, fsck.Opts{N: workers}).Check(context.Background())
}

func leaves(raw []byte) ([][]byte, error) {
	bundle := api.EntryBundle{}
	if err := bundle.UnmarshalText(raw); err != nil {
		return nil, err
	}
	made := make([][]byte, 0, len(bundle.Entries))
	for _, entry := range bundle.Entries {
		made = append(made, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return made, nil
}
