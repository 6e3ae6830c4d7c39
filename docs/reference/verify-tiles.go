// Checks exported tiles, and optionally a proof, with the library of the Go checksum database: nothing of Sallyport.
//
//	go mod init verify && go get golang.org/x/mod && go run verify-tiles.go DIRECTORY VERIFIER-KEY [PROOF]
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles string

func (tiles) Height() int                     { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (dir tiles) ReadTiles(want []tlog.Tile) (out [][]byte, err error) {
	for _, tile := range want {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(dir), path))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	dir, vkey := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(vkey)
	check(err)
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles(dir))
	computed, err := tlog.TreeHash(size, reader)
	check(err)
	if computed != root {
		log.Fatal("the tiles do not give the signed root")
	}
	for first := int64(0); first < size; first += 256 {
		width := min(256, size-first)
		tile := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(dir, path))
		check(err)
		indexes := []int64{}
		for i := first; i < first+width; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, i))
		}
		hashes, err := reader.ReadHashes(indexes)
		check(err)
		for _, hash := range hashes {
			length := int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:2+length]) != hash {
				log.Fatal("an entry does not hash to its leaf")
			}
			bundle = bundle[2+length:]
		}
	}
	fmt.Println("every entry of", size, "leads to the signed root", root)
	if len(os.Args) > 3 {
		text, err := os.ReadFile(os.Args[3])
		check(err)
		head, checkpoint, _ := strings.Cut(string(text), "\n\n")
		opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
		check(err)
		lines := strings.Split(opened.Text, "\n")
		size, _ := strconv.ParseInt(lines[1], 10, 64)
		root, err := tlog.ParseHash(lines[2])
		check(err)
		fields := strings.Split(head, "\n")
		entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fields[1], "extra "))
		check(err)
		index, err := strconv.ParseInt(strings.TrimPrefix(fields[2], "index "), 10, 64)
		check(err)
		var proof tlog.RecordProof
		for _, line := range fields[3:] {
			hash, err := tlog.ParseHash(line)
			check(err)
			proof = append(proof, hash)
		}
		check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entry)))
		fmt.Println("the proof holds for", string(entry))
	}
}
