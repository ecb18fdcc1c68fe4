package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// names is a format whose version 2 renamed the record's field from n to name;
// version 1 only added the header.
var names = &Format{Name: "names", MaxLine: 64, Upgrades: []func([]byte) ([]byte, error){nil, func(line []byte) ([]byte, error) {
	if !bytes.HasPrefix(line, []byte(`{"n":`)) {
		return nil, errors.New("not a name")
	}
	return bytes.Replace(line, []byte(`"n"`), []byte(`"name"`), 1), nil
}}}

const head = `{"format":"names","version":2}` + "\n"

// read returns the lines that are read, and how the reading ended.
func read(t *testing.T, f *Format, content string) (lines []string, err error) {
	t.Helper()
	for l, err := range f.NewReader(strings.NewReader(content), Position{}).All() {
		if err != nil {
			return lines, err
		}
		if !strings.HasPrefix(content[l.At:], string(l.Text)) && !l.Upgraded {
			t.Errorf("line %d is not at %d", l.Number, l.At)
		}
		text := string(l.Text)
		if l.Err != nil {
			text = l.Err.Error()
		}
		lines = append(lines, text)
	}
	return lines, nil
}

func TestRead(t *testing.T) {
	long := strings.Repeat("x", 80)
	for name, c := range map[string]struct {
		content string
		want    []string
		err     string
	}{
		"empty":           {"", nil, ""},
		"current":         {head + `{"name":"a"}` + "\n", []string{`{"name":"a"}`}, ""},
		"without header":  {`{"n":"a"}` + "\n" + `{"n":"b"}` + "\n", []string{`{"name":"a"}`, `{"name":"b"}`}, ""},
		"grown":           {`{"n":"a"}` + "\n" + head + `{"name":"b"}` + "\n", []string{`{"name":"a"}`, `{"name":"b"}`}, ""},
		"version 1":       {`{"format":"names","version":1}` + "\n" + `{"n":"a"}` + "\n", []string{`{"name":"a"}`}, ""},
		"torn":            {head + `{"name":"a"}` + "\n" + `{"name":"b"}`, []string{`{"name":"a"}`}, ""},
		"torn header":     {head[:20], nil, ""},
		"too long":        {head + long + "\n" + `{"name":"a"}` + "\n" + long, []string{ErrTooLong.Error(), `{"name":"a"}`}, ""},
		"not upgradable":  {"{}\n" + head + "{}\n", []string{"upgrade from version 1: not a name", "{}"}, ""},
		"newer":           {head + `{"name":"a"}` + "\n" + `{"format":"names","version":3}` + "\n" + `{"title":"b"}` + "\n", []string{`{"name":"a"}`}, "version 3"},
		"foreign":         {`{"format":"sums","version":1}` + "\n", nil, `"sums" instead of "names"`},
		"damaged header":  {head + `{"format":` + "\n" + `{"format":"names","version":"x"}` + "\n", []string{`{"format":`, `{"format":"names","version":"x"}`}, ""},
		"negative header": {`{"format":"names","version":-1}` + "\n", nil, "version -1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, names, c.content)
			if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || Refused(err) != (err != nil) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// A reader goes on where a file has grown, in the middle of a line as well.
func TestReadWhatGrows(t *testing.T) {
	content := `{"n":"a"}` + "\n" + head + `{"name":"b"}` + "\n" + strings.Repeat("x", 80) + "\n" + `{"name":"c"}` + "\n"
	var in bytes.Buffer
	r := names.NewReader(iotest.OneByteReader(&in), Position{})
	var got []string
	for _, b := range []byte(content) {
		in.WriteByte(b)
		for {
			l, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(l.Text))
			// Another reader that begins here reads the rest alike.
			rest := content[r.Position().Offset:]
			for l, err := range names.NewReader(strings.NewReader(rest), r.Position()).All() {
				if err != nil || l.Err == nil && !strings.Contains(string(l.Text), `"name"`) {
					t.Errorf("after %d bytes: %q, %v", r.Position().Offset, l.Text, err)
				}
			}
		}
	}
	if want := []string{`{"name":"a"}`, `{"name":"b"}`, "", `{"name":"c"}`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if p := r.Position(); p != (Position{int64(len(content)), 5, 2}) {
		t.Errorf("%+v", p)
	}
}

func load(t *testing.T, path string) *Log {
	t.Helper()
	f, err := OS{}.OpenFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	l, err := names.Load(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(path, []byte(`{"n":"a"}`+"\n"+`{"n":"to`), 0o600); err != nil {
		t.Fatal(err)
	}
	l := load(t, path)
	want := `{"n":"a"}` + "\n" + head
	for range 2 {
		at, err := l.Append([]byte(`{"name":"b"}` + "\n" + `{"name":"c"}` + "\n"))
		if err != nil || at != int64(len(want)) {
			t.Fatalf("at %d, %v", at, err)
		}
		want += `{"name":"b"}` + "\n" + `{"name":"c"}` + "\n"
		if got := content(t, path); got != want || l.Size() != int64(len(want)) {
			t.Errorf("%d bytes: %s", l.Size(), got)
		}
	}
	for _, bad := range []string{"no end", "{}\nno end", "{}\n" + strings.Repeat("x", 80) + "\n"} {
		if _, err := l.Append([]byte(bad)); err == nil {
			t.Errorf("appended %q", bad)
		}
	}
	if err := errors.Join(l.Probe(1000), l.Sync()); err != nil || content(t, path) != want {
		t.Errorf("%v: %s", err, content(t, path))
	}
	// A compaction that fails leaves the file.
	broken := errors.New("broken")
	err := l.Compact(OS{}, path, func(w *Writer) error { w.Append([]byte("{}\n")); return broken })
	if err != broken || content(t, path) != want {
		t.Errorf("%v: %s", err, content(t, path))
	}
	if err := l.Compact(OS{}, path, func(w *Writer) error {
		at, err := w.Append([]byte(`{"name":"d"}` + "\n"))
		if at != int64(len(head)) || w.Size() != at+13 {
			t.Errorf("written at %d, %d bytes", at, w.Size())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	at, err := l.Append([]byte(`{"name":"e"}` + "\n"))
	if got := content(t, path); err != nil || got != head+`{"name":"d"}`+"\n"+`{"name":"e"}`+"\n" {
		t.Errorf("%v: %s", err, got)
	}
	b := make([]byte, 12)
	if _, err := l.ReadAt(b, at); err != nil || string(b) != `{"name":"e"}` {
		t.Errorf("%s, %v", b, err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

// What a failed write left behind is never read, whatever comes next.
func TestFailedAppend(t *testing.T) {
	for fails := range 4 {
		path := filepath.Join(t.TempDir(), "names")
		f, err := OS{}.OpenFile(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		flaky := &flaky{File: f}
		l, err := names.Load(flaky, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := head
		for i := range 4 {
			flaky.fail, flaky.stuck = i == fails, i == fails
			line := fmt.Sprintf(`{"name":"%d"}`, i) + "\n"
			if _, err := l.Append([]byte(line)); (err != nil) != flaky.fail {
				t.Errorf("write %d: %v", i, err)
			} else if err == nil {
				want += line
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, names, content(t, path))
		if err != nil || len(got) != 3 || fails < 3 && content(t, path) != want {
			t.Errorf("write %d failed: %q, %v", fails, content(t, path), err)
		}
	}
}

// flaky is a file whose writes stop halfway, and are not taken back.
type flaky struct {
	File
	fail, stuck bool
}

func (f *flaky) WriteAt(b []byte, off int64) (int, error) {
	if f.fail {
		n, _ := f.File.WriteAt(b[:len(b)/2], off)
		return n, io.ErrShortWrite
	}
	return f.File.WriteAt(b, off)
}

func (f *flaky) Truncate(size int64) error {
	if f.stuck {
		f.stuck = f.fail
		return io.ErrShortWrite
	}
	return f.File.Truncate(size)
}

// Several writers of one file lose nothing and each see what the others left.
func TestShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names")
	open := func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0o600) }
	if err := os.WriteFile(path, []byte(`{"n":"old"}`+"\n"+`{"n":"to`), 0o600); err != nil {
		t.Fatal(err)
	}
	writers := make([]Shared, 2)
	if err := writers[0].Append(names, open, []byte(`{"name":"0"}`+"\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, path), `{"n":"old"}`+"\n"+`{"n":"to`+"\n"+head+`{"name":"0"}`+"\n"; got != want {
		t.Errorf("%s", got)
	}
	var wg sync.WaitGroup
	for i := range writers {
		for range 4 {
			wg.Go(func() {
				for range 10 {
					if err := writers[i].Append(names, open, []byte(`{"name":"x"}`+"\n")); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	lines, err := read(t, names, content(t, path))
	if n := strings.Count(strings.Join(lines, "\n"), `{"name":"x"}`); err != nil || n != 80 {
		t.Errorf("%d lines, %v", n, err)
	}
	// The file is replaced, then continued by a newer program.
	for _, replaced := range []string{"", `{"n":"a"}` + "\n"} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(replaced), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writers[1].Append(names, open, []byte(`{"name":"y"}`+"\n")); err != nil || content(t, path) != replaced+head+`{"name":"y"}`+"\n" {
			t.Errorf("%v: %s", err, content(t, path))
		}
	}
	newer := content(t, path) + `{"format":"names","version":3}` + "\n"
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writers[1].Append(names, open, []byte(`{"name":"z"}`+"\n")); !Refused(err) || content(t, path) != newer {
		t.Errorf("%v: %s", err, content(t, path))
	}
	if err := writers[0].Append(names, open, bytes.Repeat([]byte{'x'}, 80)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

// FuzzFile holds that a file with any content is refused and left alone, or read
// the same by every reader, and that what is appended to it is read last.
func FuzzFile(f *testing.F) {
	for _, s := range []string{"", head, head + "{}\n", `{"n":1}` + "\n{", "\n\n\x00", head[:9] + "\n", strings.Repeat("x", 64) + "\n", strings.Repeat("x", 63) + "\n", `{"format":"names","version":3}` + "\n", `{"format":"sums"}` + "\n", `{"format":"names","version":1}`, `{"format":"names","version":3}`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	path := filepath.Join(f.TempDir(), "names")
	f.Fuzz(func(t *testing.T, before string, shared bool) {
		want, refused := read(t, names, before)
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		line := []byte(`{"name":"last"}` + "\n")
		var err error
		if shared {
			err = new(Shared).Append(names, func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0o600) }, line)
		} else {
			file, ferr := OS{}.OpenFile(path, os.O_RDWR)
			if ferr != nil {
				t.Fatal(ferr)
			}
			defer file.Close()
			var l *Log
			if l, err = names.Load(file, nil); err == nil {
				_, err = l.Append(line)
			}
		}
		after := content(t, path)
		if shared && Refused(err) && refused == nil && after == before {
			return // the torn line is a newer header
		}
		if (err != nil) != (refused != nil) || err != nil && (!Refused(err) || after != before) {
			t.Fatalf("read: %v, appended: %v", refused, err)
		}
		if err != nil {
			return
		}
		got, err := read(t, names, after)
		if shared && len(got) == len(want)+2 && before != "" && before[len(before)-1] != '\n' { // the torn line has an end now
			got = slices.Delete(got, len(want), len(want)+1)
		}
		if err != nil || !slices.Equal(got, append(want, `{"name":"last"}`)) {
			t.Fatalf("%q became %q: read %q, %v", before, after, got, err)
		}
	})
}
