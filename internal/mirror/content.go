package mirror

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/dirhash"
)

// Content is what this machine can serve. It is immutable; the files stay where they are.
type Content struct {
	files []source
}

type source struct {
	File
	path     string
	modified time.Time
}

// Files lists what there is: Terraform first, then by address and platform.
func (c *Content) Files() []File {
	out := make([]File, len(c.files))
	for i, s := range c.files {
		out[i] = s.File
	}
	return out
}

// Program is a terraform on this machine.
type Program struct {
	Path    string
	Version string
}

// Sources say where Find looks.
type Sources struct {
	Folders   []string          // filesystem mirrors, best first
	Providers map[string]string // constraints by address
	Program   Program           // empty: only a fetched Terraform is served
	// Cache is the folder that Fetch and Unpack write to. It is looked into after
	// Folders, and packages that are made of unpacked folders are kept in it.
	Cache string
}

// Find collects what this machine can serve: of each provider and platform the newest
// version that fulfils the constraint, and Terraform. A package that is unpacked is
// packed into the cache the first time, which takes about 20 s for the AWS provider.
// Where only some packages can be served, it returns those and an error that says why
// the others cannot. progress may be nil; it is called by the same goroutine.
func Find(ctx context.Context, from Sources, progress func(Progress)) (*Content, error) {
	c := &Content{}
	var errs []error
	add := func(f File, name string, err error) {
		if err == nil {
			var s source
			if s, err = describe(ctx, f, name); err == nil {
				c.files = append(c.files, s)
				return
			}
		}
		errs = append(errs, fmt.Errorf("%s cannot be served: %w", f, err))
	}
	if p := from.Program; p.Path != "" {
		f := File{Version: p.Version, Platform: Platform()}
		name, err := packProgram(ctx, from.Cache, f, p.Path, progress)
		add(f, name, err)
	}
	for _, f := range programs(from.Cache) {
		if !slices.ContainsFunc(c.files, func(s source) bool { return s.Platform == f.Platform }) {
			add(f, f.place(from.Cache), nil)
		}
	}
	for _, address := range sorted(from.Providers) {
		best := map[string]Package{}
		for _, folder := range append(slices.Clone(from.Folders), Providers(from.Cache)) {
			for _, p := range Packages(folder, address) {
				if have, ok := best[p.Platform]; Fits(p.Version, from.Providers[address]) && (!ok || newer(p.Version, have.Version)) {
					best[p.Platform] = p
				}
			}
		}
		for _, platform := range sorted(best) {
			p := best[platform]
			f := File{Address: p.Address, Version: p.Version, Platform: p.Platform}
			name, err := p.Path, error(nil)
			if !p.Packed {
				name, err = packFolder(ctx, from.Cache, f, p.Path, progress)
			}
			add(f, name, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c, errors.Join(errs...)
}

// programs are the packages of Terraform for other platforms in a cache.
func programs(cache string) []File {
	names, _ := fs.Glob(os.DirFS(filepath.Join(cache, "terraform")), "terraform_*.zip")
	newest := map[string]File{}
	for _, name := range names {
		v, platform, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "terraform_"), ".zip"), "_")
		f := File{Version: v, Platform: platform}
		if f.fileName() == name && platform != Platform() && newer(v, newest[platform].Version) {
			newest[platform] = f
		}
	}
	return slices.Collect(maps.Values(newest))
}

// describe reads a zip to say all of it.
func describe(ctx context.Context, f File, name string) (source, error) {
	h1, err := hashZip(name)
	if err != nil {
		return source{}, err
	}
	file, err := os.Open(name)
	if err != nil {
		return source{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return source{}, err
	}
	sum, err := sha256Of(ctx, file)
	if err != nil {
		return source{}, err
	}
	f.Name, f.Size, f.SHA256, f.H1 = f.fileName(), info.Size(), sum, h1
	return source{f, name, info.ModTime()}, f.check()
}

func sha256Of(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := copyContext(ctx, h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// packFolder makes a zip of a provider's folder, or finds the one that was made before.
func packFolder(ctx context.Context, cache string, f File, dir string, progress func(Progress)) (string, error) {
	// Terraform hashes the folder that a link leads to.
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	var names []string
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", name)
		}
		rel, err := filepath.Rel(dir, name)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("%s is empty", dir)
	}
	return pack(ctx, cache, f, names, func(name string) (*os.File, error) {
		return os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	}, progress)
}

// packProgram makes a zip of a terraform. A script, as version managers put on PATH,
// starts nothing on another machine.
func packProgram(ctx context.Context, cache string, f File, program string, progress func(Progress)) (string, error) {
	file, err := os.Open(program)
	if err != nil {
		return "", err
	}
	head := make([]byte, 2)
	_, err = io.ReadFull(file, head)
	_ = file.Close()
	if err != nil {
		return "", err
	}
	if string(head) == "#!" {
		return "", fmt.Errorf("%s is a script that starts another program: name the program itself with --terraform PATH", program)
	}
	return pack(ctx, cache, f, []string{programName(f.Platform)}, func(string) (*os.File, error) { return os.Open(program) }, progress)
}

// programName is Terraform's file in its package.
func programName(platform string) string {
	if strings.HasPrefix(platform, "windows_") {
		return "terraform.exe"
	}
	return "terraform"
}

// ProgramName is the name of Terraform's program on this machine.
func ProgramName() string { return programName(runtime.GOOS + "_") }

// pack writes files into a zip of the cache that is named after their hash, unless it
// is there.
func pack(ctx context.Context, cache string, f File, names []string, open func(string) (*os.File, error), progress func(Progress)) (string, error) {
	h1, err := dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return open(name) })
	if err != nil {
		return "", err
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h1, "h1:"))
	if err != nil {
		return "", err
	}
	name := filepath.Join(cache, "packs", hex.EncodeToString(sum)+".zip")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	slices.Sort(names)
	err = writeFile(name, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, entry := range names {
			in, err := open(entry)
			if err != nil {
				return err
			}
			info, err := in.Stat()
			if err == nil {
				var out io.Writer
				header := &zip.FileHeader{Name: entry, Method: zip.Deflate}
				header.SetMode(0o644 | info.Mode().Perm()&0o111)
				if out, err = z.CreateHeader(header); err == nil {
					_, err = copyContext(ctx, out, metered(in, func(n int64) {
						send(progress, Progress{State: Packing, File: f, Done: n, Total: info.Size()})
					}))
				}
			}
			if err = errors.Join(err, in.Close()); err != nil {
				return err
			}
		}
		return z.Close()
	})
	return name, err
}

// writeFile makes a file as a whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error matters
	}
	return err
}

// copyContext is io.Copy that ends with ctx.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	return io.Copy(w, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// metered tells about every megabyte that was read, and about the end.
func metered(r io.Reader, tell func(done int64)) io.Reader {
	var done, told int64
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		done += int64(n)
		if done-told >= 1<<20 || err != nil && done > told {
			told = done
			tell(done)
		}
		return n, err
	})
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
