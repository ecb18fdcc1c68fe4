package mirror

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"workshop/internal/clean"
)

// Pack writes content into one file, a tar that begins with the index: what Handler
// serves, for a machine without a network. The file appears as a whole or not at all.
// progress may be nil.
func Pack(ctx context.Context, c *Content, file string, progress func(Progress)) error {
	if len(c.files) == 0 {
		return fmt.Errorf("write %s: there is nothing to put into it: %w", clean.Line(file), ErrMissing)
	}
	err := writeFile(file, func(w io.Writer) error {
		t := tar.NewWriter(w)
		data, err := json.Marshal(index{format, c.Files()})
		if err == nil {
			err = t.WriteHeader(&tar.Header{Name: indexName, Mode: 0o644, Size: int64(len(data))})
		}
		if err == nil {
			_, err = t.Write(data)
		}
		if err != nil {
			return err
		}
		for _, s := range c.files {
			if err := packInto(ctx, t, s, progress); err != nil {
				return err
			}
		}
		return t.Close()
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", clean.Line(file), err)
	}
	return nil
}

func packInto(ctx context.Context, t *tar.Writer, s source, progress func(Progress)) error {
	in, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := t.WriteHeader(&tar.Header{Name: s.Name, Mode: 0o644, Size: s.Size, ModTime: s.modified}); err != nil {
		return err
	}
	// The file may have changed since it was read; the tar must not say otherwise.
	h := sha256.New()
	if _, err := copyContext(ctx, io.MultiWriter(t, h), metered(in, func(n int64) {
		send(progress, Progress{State: Packing, File: s.File, Done: n, Total: s.Size})
	})); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != s.SHA256 {
		return fmt.Errorf("%s: %w: %s has changed meanwhile", s.File, ErrChecksum, s.path)
	}
	return nil
}

// Unpack brings what want asks for from a file that Pack has written into the folder
// dst, with the checks, the errors and the trust of Fetch: a bundle is as good as the
// person who gave it to you. progress may be nil.
func Unpack(ctx context.Context, file, dst string, want Want, progress func(Progress)) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the bundle: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("read the bundle: %s is not a regular file", clean.Line(file))
	}
	unlock, err := lock(ctx, dst)
	if err != nil {
		return err
	}
	defer unlock()
	if err := unpack(ctx, f, dst, want, progress); err != nil {
		return fmt.Errorf("read the bundle %s: %w", clean.Line(file), err)
	}
	return nil
}

func unpack(ctx context.Context, r io.Reader, dst string, want Want, progress func(Progress)) error {
	t := tar.NewReader(r)
	head, err := t.Next()
	if err != nil || head.Name != indexName || head.Typeflag != tar.TypeReg || head.Size > maxIndex {
		return fmt.Errorf("it is %w: it does not begin with an index. `workshop prefetch --into FILE` makes a bundle", ErrInvalid)
	}
	data, err := io.ReadAll(t)
	if err != nil {
		return invalidBundle(err)
	}
	files, err := parseIndex(data)
	if err != nil {
		return err
	}
	chosen, missing := want.choose(files)
	errs := []error{missing}
	wanted := map[string]File{}
	for _, file := range chosen {
		there, err := present(dst, file, want.locked(file))
		switch {
		case err != nil:
			errs = append(errs, err)
		case there:
			send(progress, Progress{State: Here, File: file})
		default:
			wanted[file.Name] = file
		}
	}
	for entries := 0; len(wanted) > 0; entries++ {
		head, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return invalidBundle(fmt.Errorf("%s is not in it", sorted(wanted)[0]))
		case err != nil:
			return invalidBundle(err)
		case entries >= maxFiles:
			return invalidBundle(errors.New("it has too many files"))
		}
		file, ok := wanted[head.Name]
		if !ok {
			continue // of another platform, or none of ours
		}
		delete(wanted, head.Name)
		if head.Typeflag != tar.TypeReg || head.Size != file.Size {
			return invalidBundle(fmt.Errorf("%s is another file than its index says", file))
		}
		if err := copyOut(ctx, t, file, dst, want.locked(file), progress); err != nil {
			errs = append(errs, fmt.Errorf("take %s out: %w", file, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func invalidBundle(err error) error {
	return fmt.Errorf("it is %w: %s", ErrInvalid, clean.Line(err.Error()))
}

func copyOut(ctx context.Context, r io.Reader, file File, dst string, locked []string, progress func(Progress)) error {
	name := filepath.Join(partials(dst), file.SHA256)
	h := sha256.New()
	err := writeFile(name, func(w io.Writer) error {
		_, err := copyContext(ctx, io.MultiWriter(w, h), metered(r, func(n int64) {
			send(progress, Progress{State: Downloading, File: file, Done: n, Total: file.Size})
		}))
		return err
	})
	if err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != file.SHA256 {
		_ = os.Remove(name) // or a later fetch finds it and refuses it
		return fmt.Errorf("%w: the file has the SHA-256 %s, and the index says %s", ErrChecksum, sum, file.SHA256)
	}
	send(progress, Progress{State: Checking, File: file, Done: file.Size, Total: file.Size})
	if err := install(ctx, dst, file, name, locked); err != nil {
		return err
	}
	send(progress, Progress{State: Fetched, File: file, Done: file.Size, Total: file.Size})
	return nil
}
