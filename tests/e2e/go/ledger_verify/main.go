// Ledger_verify checks exports of a Blotter ledger with software that Blotter's authors did not
// write: golang.org/x/mod/sumdb/note opens the checkpoint, golang.org/x/mod/sumdb/tlog computes
// every hash. It shares no code with Blotter.
//
//	ledger_verify DIR...              verifies each export; exit code 1 when one is wrong
//	ledger_verify -flips LIST DIR     verifies DIR, then again with each change of LIST applied in
//	                                  memory; exit code 1 unless DIR is sound and every change is
//	                                  refused. A line of LIST is "<path> <offset> <xor mask>".
//
// Every byte of every file is covered, except README.txt.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// loadFolder reads all files under dir, by their path with slashes.
func loadFolder(dir string) (files, error) {
	out := make(files)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	return out, err
}

func verifyFolder(dir string) bool {
	export, err := loadFolder(dir)
	var found summary
	if err == nil {
		found, err = verify(export)
	}
	if err != nil {
		fmt.Printf("bad %s: %v\n", dir, err)
		return false
	}
	fmt.Printf("ok %s: %s, %d entries, root %v\n", dir, found.origin, found.size, found.root)
	return true
}

// verifyFlips reports whether every listed change is refused.
func verifyFlips(list, dir string) (bool, error) {
	export, err := loadFolder(dir)
	if err != nil {
		return false, err
	}
	lines, err := os.Open(list)
	if err != nil {
		return false, err
	}
	defer lines.Close()
	allRefused := true
	count := 0
	for scanner := bufio.NewScanner(lines); scanner.Scan(); count++ {
		var path string
		var offset int
		var mask byte
		if _, err := fmt.Sscanf(scanner.Text(), "%s %d %d", &path, &offset, &mask); err != nil {
			return false, fmt.Errorf("%s: line %q: %v", list, scanner.Text(), err)
		}
		data := export[path]
		if offset < 0 || offset >= len(data) || mask == 0 {
			return false, fmt.Errorf("%s: line %q changes nothing", list, scanner.Text())
		}
		data[offset] ^= mask
		if _, err := verify(export); err != nil {
			fmt.Printf("refused %s %d %d: %v\n", path, offset, mask, err)
		} else {
			fmt.Printf("MISSED %s %d %d\n", path, offset, mask)
			allRefused = false
		}
		data[offset] ^= mask
	}
	fmt.Printf("%d changes tried\n", count)
	return allRefused && count > 0, nil
}

func main() {
	flips := flag.String("flips", "", "a `list` of changes that must be refused")
	flag.Parse()
	if flag.NArg() == 0 || (*flips != "" && flag.NArg() != 1) {
		fmt.Fprintln(os.Stderr, "usage: ledger_verify [-flips LIST] DIR...")
		os.Exit(2)
	}
	sound := true
	for _, dir := range flag.Args() {
		sound = verifyFolder(dir) && sound
	}
	if *flips != "" {
		allRefused, err := verifyFlips(*flips, flag.Arg(0))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		sound = sound && allRefused
	}
	if !sound {
		os.Exit(1)
	}
}
