package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type files map[string][]byte

type summary struct {
	origin string
	size   int64
	root   tlog.Hash
}

// verify checks a whole export.
func verify(export files) (summary, error) {
	found, err := openCheckpoint(export)
	if err != nil {
		return found, err
	}
	tree := tlog.Tree{N: found.size, Hash: found.root}
	hashes, err := hashEntries(export, found.size)
	if err != nil {
		return found, err
	}
	computed := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = hashes[index]
		}
		return out, nil
	})
	root, err := tlog.TreeHash(found.size, computed)
	if err != nil {
		return found, err
	}
	if found.size == 0 {
		root = sha256.Sum256(nil) // RFC 6962, section 2.1; the package has no root for it
	}
	if root != found.root {
		return found, fmt.Errorf("the entries lead to the root %v, the checkpoint signs %v", root, found.root)
	}
	if err := checkTiles(export, found.size, computed); err != nil {
		return found, err
	}
	return found, checkProofs(tree, computed, tileFiles{export})
}

// openCheckpoint verifies the signature and reads the signed text.
func openCheckpoint(export files) (summary, error) {
	var found summary
	key := string(export["key"])
	verifier, err := note.NewVerifier(strings.TrimSuffix(key, "\n"))
	if err != nil {
		return found, fmt.Errorf("key: %v", err)
	}
	// The package also reads a key that is written in another way; we accept only one way.
	if _, encoded, _ := strings.Cut(key[len(verifier.Name())+1:], "+"); key !=
		fmt.Sprintf("%s+%08x+%s\n", verifier.Name(), verifier.KeyHash(), strings.TrimSuffix(encoded, "\n")) ||
		!isCanonical(strings.TrimSuffix(encoded, "\n")) {
		return found, errors.New("key: not in canonical form")
	}
	opened, err := note.Open(export["checkpoint"], note.VerifierList(verifier))
	if err != nil {
		return found, fmt.Errorf("checkpoint: %v", err)
	}
	for _, signature := range append(opened.Sigs, opened.UnverifiedSigs...) {
		if !isCanonical(signature.Base64) {
			return found, errors.New("checkpoint: a signature is not canonical base64")
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return found, errors.New("checkpoint: fewer than three lines")
	}
	found.origin = lines[0]
	if found.origin != verifier.Name() {
		return found, errors.New("checkpoint: signed by the key of another log")
	}
	found.size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || found.size < 0 || strconv.FormatInt(found.size, 10) != lines[1] {
		return found, fmt.Errorf("checkpoint: %q is no tree size", lines[1])
	}
	found.root, err = tlog.ParseHash(lines[2])
	if err != nil {
		return found, fmt.Errorf("checkpoint: root: %v", err)
	}
	return found, nil
}

// isCanonical reports whether text is what an encoder writes: the decoder ignores newlines and
// the last bits.
func isCanonical(text string) bool {
	data, err := base64.StdEncoding.DecodeString(text)
	return err == nil && base64.StdEncoding.EncodeToString(data) == text
}

// hashEntries reads all bundles and returns the tree's stored hashes.
func hashEntries(export files, size int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, tlog.StoredHashCount(size))
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = hashes[index]
		}
		return out, nil
	})
	for first := int64(0); first < size; first += 1 << tileHeight {
		width := size - first
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		path := "tile/entries/" + numberPath(first>>tileHeight, int(width))
		rest, ok := export[path]
		if !ok {
			return nil, fmt.Errorf("%s: missing", path)
		}
		for n := first; n < first+width; n++ {
			if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
				return nil, fmt.Errorf("%s: cut short at entry %d", path, n)
			}
			length := int(binary.BigEndian.Uint16(rest))
			more, err := tlog.StoredHashes(n, rest[2:2+length], reader)
			if err != nil {
				return nil, err
			}
			hashes = append(hashes, more...)
			rest = rest[2+length:]
		}
		if len(rest) > 0 {
			return nil, fmt.Errorf("%s: %d bytes follow the last entry", path, len(rest))
		}
	}
	return hashes, nil
}

// numberPath is the end of a path as c2sp.org/tlog-tiles has it.
func numberPath(number int64, width int) string {
	path := fmt.Sprintf("%03d", number%1000)
	for number /= 1000; number > 0; number /= 1000 {
		path = fmt.Sprintf("x%03d/%s", number%1000, path)
	}
	if width < 1<<tileHeight {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

func tilePath(tile tlog.Tile) string {
	return fmt.Sprintf("tile/%d/%s", tile.L, numberPath(tile.N, tile.W))
}

// checkTiles compares every tile with the computed hashes and refuses files that belong nowhere.
func checkTiles(export files, size int64, computed tlog.HashReader) error {
	expected := map[string]bool{"checkpoint": true, "key": true, "README.txt": true}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		count := size >> (tileHeight * level)
		for first := int64(0); first < count; first += 1 << tileHeight {
			tile := tlog.Tile{H: tileHeight, L: level, N: first >> tileHeight, W: 1 << tileHeight}
			if count-first < 1<<tileHeight {
				tile.W = int(count - first)
			}
			path := tilePath(tile)
			expected[path] = true
			if level == 0 {
				expected["tile/entries/"+numberPath(tile.N, tile.W)] = true
			}
			want, err := tlog.ReadTileData(tile, computed)
			if err != nil {
				return err
			}
			if got, ok := export[path]; !ok {
				return fmt.Errorf("%s: missing", path)
			} else if !bytes.Equal(got, want) {
				return fmt.Errorf("%s: differs from the hashes of the entries", path)
			}
		}
	}
	for path := range export {
		if !expected[path] {
			return fmt.Errorf("%s: does not belong to this export", path)
		}
	}
	return nil
}

// tileFiles gives the stored tiles to tlog.
type tileFiles struct{ export files }

func (t tileFiles) Height() int                         { return tileHeight }
func (t tileFiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		data, ok := t.export[tilePath(tile)]
		if !ok {
			return nil, fmt.Errorf("%s: missing", tilePath(tile))
		}
		out = append(out, data)
	}
	return out, nil
}

// checkProofs lets tlog authenticate the stored tiles against the signed root, and proves some
// entries and some earlier sizes from them.
func checkProofs(tree tlog.Tree, computed tlog.HashReader, tiles tlog.TileReader) error {
	if tree.N == 0 {
		return nil
	}
	stored := tlog.TileHashReader(tree, tiles)
	for step := int64(0); step <= 8; step++ {
		n := (tree.N - 1) * step / 8
		proof, err := tlog.ProveRecord(tree.N, n, stored)
		if err != nil {
			return fmt.Errorf("entry %d: %v", n, err)
		}
		leaf, err := computed.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf[0]); err != nil {
			return fmt.Errorf("entry %d: %v", n, err)
		}
		older := n + 1
		oldRoot, err := tlog.TreeHash(older, computed)
		if err != nil {
			return err
		}
		growth, err := tlog.ProveTree(tree.N, older, stored)
		if err != nil {
			return fmt.Errorf("size %d: %v", older, err)
		}
		if err := tlog.CheckTree(growth, tree.N, tree.Hash, older, oldRoot); err != nil {
			return fmt.Errorf("size %d: %v", older, err)
		}
	}
	return nil
}
