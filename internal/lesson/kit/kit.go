// Package kit is for those who write a workshop: a small one to begin with, the
// finding of mistakes, and word of files that were saved.
package kit

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed skeleton
var skeleton embed.FS

// New writes a small workshop into dir, which must be empty or not there yet,
// and returns the names of its files.
func New(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("a new workshop: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("a new workshop: %s is not empty, name a new folder", dir)
	}
	src, err := fs.Sub(skeleton, "skeleton")
	if err != nil {
		return nil, err
	}
	var names []string
	err = fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		data, err := fs.ReadFile(src, name)
		if err != nil {
			return err
		}
		names = append(names, name)
		return os.WriteFile(to, data, 0o644)
	})
	if err != nil {
		return names, fmt.Errorf("a new workshop: %w", err)
	}
	return names, nil
}

// Terraform is the folder of the configuration in a workshop's folder.
const Terraform = "terraform"

// watched bounds how many files Watch looks at.
const watched = 5000

// Watch calls changed after files below dir were saved, added or removed, until
// ctx ends. It looks every interval, and waits for one look without a change, so
// that a save of many files is one change.
func Watch(ctx context.Context, dir string, interval time.Duration, changed func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	last := stamp(dir)
	for pending := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := stamp(dir)
		switch {
		case now != last:
			last, pending = now, true
		case pending:
			pending = false
			changed()
		}
	}
}

// stamp sums up names, sizes and times of the files below dir, hidden ones left
// out. dir may be a link to a folder.
func stamp(dir string) uint64 {
	h := fnv.New64a()
	n := 0
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone while we look: the next look sees it
		}
		if name != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if n++; n > watched {
			return fs.SkipAll
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			fmt.Fprintf(h, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return h.Sum64()
}
