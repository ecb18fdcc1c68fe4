package mirror

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/mod/sumdb/dirhash"
)

// State is what happens to a package.
type State string

const (
	Packing     State = "packing"     // an unpacked folder becomes a zip
	Waiting     State = "waiting"     // for others' downloads
	Downloading State = "downloading" // or copying out of a bundle
	Retrying    State = "retrying"    // after an interruption
	Checking    State = "checking"    // and unpacking
	Here        State = "here"        // it was there before
	Fetched     State = "fetched"
)

// Progress says how far a package is.
type Progress struct {
	State State  `json:"state"`
	File  File   `json:"file"`
	Done  int64  `json:"done,omitempty"` // bytes of Total
	Total int64  `json:"total,omitempty"`
	Place int    `json:"place,omitempty"` // in the queue, 1 for next, while Waiting
	Note  string `json:"note,omitempty"`  // why, while Retrying
}

func send(progress func(Progress), p Progress) {
	if progress != nil {
		progress(p)
	}
}

// lock keeps two processes from fetching into one folder at once, and removes what a
// killed one has left, downloads excepted. unlock gives the folder back, as the end of the
// process does.
func lock(ctx context.Context, dst string) (unlock func(), err error) {
	if err := os.MkdirAll(partials(dst), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dst, "mirror.lock"), flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for another process that fetches into %s: %w", dst, err)
	}
	// A process that was killed leaves as much as an unpacked provider.
	entries, _ := os.ReadDir(partials(dst))
	for _, e := range entries {
		if !validSHA256.MatchString(e.Name()) {
			_ = os.RemoveAll(filepath.Join(partials(dst), e.Name())) // the next one tries again
		}
	}
	return func() { _ = l.Unlock() }, nil
}

func partials(dst string) string { return filepath.Join(dst, "partial") }

// present reports whether the package need not be fetched: it is there, or one that the
// lock file takes. A package that the lock file refuses does not count; any other one is
// ErrExists, because nothing says which of the two is good.
func present(dst string, f File, locked []string) (bool, error) {
	place := f.place(dst)
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var h1 string
	if info.IsDir() {
		h1, err = dirhash.HashDir(place, "", dirhash.Hash1)
	} else {
		h1, err = hashZip(place)
	}
	switch {
	case err != nil && !errors.Is(err, ErrInvalid):
		return false, fmt.Errorf("read %s: %w", place, err)
	case h1 == f.H1 || slices.Contains(locked, h1):
		return true, nil
	case len(locked) > 0:
		return false, nil
	}
	return false, fmt.Errorf("%s: %w, in %s. If you do not trust that one, remove it and fetch again", f, ErrExists, place)
}

// install checks a zip that has been fetched and puts it, or what is in it, into place.
// The zip is gone afterwards unless the error is the folder's fault.
func install(ctx context.Context, dst string, f File, name string, locked []string) (err error) {
	defer func() {
		if err == nil || errors.Is(err, ErrChecksum) || errors.Is(err, ErrInvalid) {
			_ = os.Remove(name) // what is left is found again, and refused again
		}
	}()
	place, fresh := f.place(dst), name
	var h1 string
	if f.Platform == Platform() {
		fresh, err = os.MkdirTemp(partials(dst), "unpack-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(fresh)
		if err = unzip(ctx, name, fresh); err != nil {
			return err
		}
		h1, err = dirhash.HashDir(fresh, "", dirhash.Hash1)
	} else {
		h1, err = hashZip(name)
	}
	if err != nil {
		return err
	}
	if h1 != f.H1 {
		return fmt.Errorf("%s: %w: its files are %s, and the index says %s", f, ErrChecksum, h1, f.H1)
	}
	if len(locked) > 0 && !slices.Contains(locked, h1) && !slices.Contains(locked, "zh:"+f.SHA256) {
		return fmt.Errorf("%s: %w than %s: it was changed, or the lock file was written on another kind of machine; then `terraform providers lock -platform=%s` adds what is missing", f, ErrLocked, h1, f.Platform)
	}
	if f.Address == "" && f.Platform == Platform() {
		if info, err := os.Lstat(filepath.Join(fresh, ProgramName())); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("%s is %w: it has no %s", f, ErrInvalid, ProgramName())
		}
		if err := os.Chmod(filepath.Join(fresh, ProgramName()), 0o700); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	if _, err := os.Lstat(place); err == nil { // present has judged it
		old, err := os.MkdirTemp(partials(dst), "old-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(old)
		if err := os.Rename(place, filepath.Join(old, "package")); err != nil {
			return fmt.Errorf("replace a package that the dependency lock file refuses: %w", err)
		}
	}
	return os.Rename(fresh, place)
}

// Adopt copies a provider's unpacked folder of this machine, such as one of Terraform's
// plug-in cache, into dst. It is a no-op where the package is there.
func Adopt(ctx context.Context, p Package, dst string, l Locked) error {
	f := File{Address: p.Address, Version: p.Version, Platform: p.Platform}
	dir, err := filepath.EvalSymlinks(p.Path)
	if err != nil {
		return fmt.Errorf("copy %s: %w", f, err)
	}
	h1, err := dirhash.HashDir(dir, "", dirhash.Hash1)
	if err != nil {
		return fmt.Errorf("copy %s: %w", f, err)
	}
	f.H1 = h1
	if locked := (Want{Locked: map[string]Locked{f.Address: l}}).locked(f); len(locked) > 0 && !slices.Contains(locked, h1) {
		return fmt.Errorf("copy %s: %w than %s", f, ErrLocked, h1)
	}
	unlock, err := lock(ctx, dst)
	if err != nil {
		return err
	}
	defer unlock()
	if there, err := present(dst, f, nil); there || err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(partials(dst), "copy-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	copied := filepath.Join(fresh, "package")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		return fmt.Errorf("copy %s: %w", f, err)
	}
	if again, err := dirhash.HashDir(copied, "", dirhash.Hash1); err != nil || again != h1 {
		return fmt.Errorf("copy %s: %w", f, errors.Join(ErrChecksum, err))
	}
	place := f.place(dst)
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	return os.Rename(copied, place)
}

// Add puts a zip of a provider, such as `terraform providers mirror` writes, into dst.
func Add(ctx context.Context, p Package, dst string, l Locked) error {
	s, err := describe(ctx, File{Address: p.Address, Version: p.Version, Platform: p.Platform}, p.Path)
	if err != nil {
		return fmt.Errorf("add %s: %w", filepath.Base(p.Path), err)
	}
	unlock, err := lock(ctx, dst)
	if err != nil {
		return err
	}
	defer unlock()
	locked := (Want{Locked: map[string]Locked{s.Address: l}}).locked(s.File)
	if there, err := present(dst, s.File, locked); there || err != nil {
		return err
	}
	return install(ctx, dst, s.File, p.Path, locked)
}

// hashZip is Terraform's hash of what is in a zip that keeps to the limits.
func hashZip(name string) (string, error) {
	z, err := openZip(name)
	if err != nil {
		return "", err
	}
	defer z.Close()
	files := map[string]*zip.File{}
	names := make([]string, 0, len(z.File))
	for _, f := range z.File {
		files[f.Name] = f
		names = append(names, f.Name)
	}
	h1, err := dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		return files[name].Open() // reads at most what openZip has counted
	})
	if err != nil {
		return "", invalidZip(name, err)
	}
	return h1, nil
}

// openZip refuses a zip with anything but regular files whose names stay inside, and one
// that is larger than the limits by what its directory says, to which archive/zip holds it.
func openZip(name string) (*zip.ReadCloser, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			return nil, err
		}
		return nil, invalidZip(name, err)
	}
	var total uint64
	seen := map[string]bool{}
	for _, f := range z.File {
		total += min(f.UncompressedSize64, maxUnpacked+1) // no overflow
		// On some systems Name and name are one file.
		key := strings.ToLower(f.Name)
		switch {
		case len(z.File) > maxEntries || total > maxUnpacked:
			err = errors.New("it is too large")
		case !f.Mode().IsRegular():
			err = fmt.Errorf("%.100q is not a regular file", f.Name)
		case !validEntry(f.Name) || seen[key]:
			err = fmt.Errorf("%.100q is no name for a file of it", f.Name)
		}
		if err != nil {
			_ = z.Close() // the first error matters
			return nil, invalidZip(name, err)
		}
		seen[key] = true
	}
	return z, nil
}

func validEntry(name string) bool {
	return len(name) <= 255 && path.Clean(name) == name && fs.ValidPath(name) && name != "." &&
		filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsAny(name, "\\:*?\"<>|") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func invalidZip(name string, err error) error {
	return fmt.Errorf("the package %s is %w: %w", filepath.Base(name), ErrInvalid, err)
}

// unzip writes the files of a zip into an empty folder.
func unzip(ctx context.Context, name, dir string) error {
	z, err := openZip(name)
	if err != nil {
		return err
	}
	defer z.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range z.File {
		if err := unzipFile(ctx, root, f); err != nil {
			if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, io.ErrUnexpectedEOF) {
				return invalidZip(name, err)
			}
			return fmt.Errorf("unpack %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

func unzipFile(ctx context.Context, root *os.Root, f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if dir := path.Dir(f.Name); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	out, err := root.OpenFile(f.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600|f.Mode().Perm()&0o100)
	if err != nil {
		return err
	}
	_, err = copyContext(ctx, out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
