package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"workshop/internal/jsonl"
	"workshop/internal/sandbox/disk/disktest"
	"workshop/internal/sandbox/sandboxtest"
)

// messages are those of the whole group, in order of time, over all pages.
func messages(t *testing.T, c *cwl.Client) []string {
	t.Helper()
	var out []string
	pages := cwl.NewFilterLogEventsPaginator(c, &cwl.FilterLogEventsInput{LogGroupName: aws.String("/ecs/web")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			out = append(out, *e.Message)
		}
	}
	return out
}

func TestTextsAreReadBack(t *testing.T) {
	awkward := []string{"", `{"m":"x"}`, `say "m": \ }`, "\x1b[31m\t\x00", "größer <&> 字", strings.Repeat("a", 2*block)}
	for _, dir := range []string{"", t.TempDir()} {
		l, c := serve(t, dir)
		fill(t, l, c, 0)
		var events []Event
		for i, m := range awkward {
			events = append(events, Event{time.UnixMilli(int64(i + 1)), m})
		}
		if err := l.Append("/ecs/web", "app/app/0", events...); err != nil {
			t.Fatal(err)
		}
		if got := messages(t, c); !slices.Equal(got, awkward) {
			t.Errorf("in %q: %.200q", dir, got)
		}
		if dir == "" {
			continue
		}
		if _, c = serve(t, dir); !slices.Equal(messages(t, c), awkward) {
			t.Errorf("opened again: %.200q", messages(t, c))
		}
	}
}

// A group's file stays within its bounds, holds the newest events of all
// streams, and what is held can be read at any time.
func TestFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	l, c := serve(t, dir)
	l.maxFile = 20_000
	fill(t, l, c, 0)
	var want []string
	for i := range 2_000 {
		m := fmt.Sprintf("line %04d", i)
		want = append(want, m)
		if err := l.Append("/ecs/web", fmt.Sprintf("app/app/%d", i%2), Event{time.UnixMilli(int64(i + 1)), m}); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			got := messages(t, c)
			if len(got) < 50 || !slices.Equal(got, want[len(want)-len(got):]) {
				t.Fatalf("after %d lines: %d held, not the newest", i+1, len(got))
			}
		}
	}
	held := messages(t, c)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 1 {
		t.Fatalf("files: %q", files)
	}
	if info, _ := os.Stat(files[0]); info.Size() > l.maxFile || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has %d bytes and mode %v", info.Size(), info.Mode())
	}
	if _, c = serve(t, dir); !slices.Equal(messages(t, c), held) {
		t.Error("opened again, it holds something else")
	}
}

// faulty are the logs on a disk that can fail.
func faulty(t *testing.T, dir string) (*disktest.Disk, *Logs, *cwl.Client) {
	t.Helper()
	d, a := &disktest.Disk{}, sandboxtest.Account(t)
	l, err := NewFS(a, d, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return d, l, cwl.NewFromConfig(sandboxtest.Serve(t, a, l.Service()))
}

// TestFailedWrites has the disk fail at every write of a group's life, in
// different ways, and be repaired later. Clients' requests that were refused did
// not happen, those that were acknowledged are there after a restart, and what
// tasks print is written late.
func TestFailedWrites(t *testing.T) {
	for _, failure := range []error{syscall.ENOSPC, syscall.EROFS} {
		for _, short := range []int{0, 10} {
			for at := range 16 {
				t.Run(fmt.Sprint(failure, short, at), func(t *testing.T) {
					dir := t.TempDir()
					d, l, c := faulty(t, dir)
					l.maxFile = 700 // compaction is in the midst of it
					fill(t, l, c, 1)
					d.Fail(failure, at, short)
					var want []string
					check := func(what string, err error) bool {
						if err != nil && (!strings.Contains(err.Error(), "InsufficientStorage") || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), failure.Error())) {
							t.Errorf("%s: %v", what, err)
						}
						return err == nil
					}
					for i := range 3 {
						name := fmt.Sprint("n", i)
						_, err := c.CreateLogStream(t.Context(), &cwl.CreateLogStreamInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: &name})
						if made := check("CreateLogStream", err); made != (l.groups["/ecs/web"].streams[name] != nil) {
							t.Errorf("stream: answered %v", made)
						}
						message := fmt.Sprint("put ", i)
						_, err = c.PutLogEvents(t.Context(), &cwl.PutLogEventsInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("app/app/0"), LogEvents: []types.InputLogEvent{{Message: &message, Timestamp: aws.Int64(time.Now().UnixMilli())}}})
						if check("PutLogEvents", err) {
							want = append(want, message)
						}
						_, err = c.TagResource(t.Context(), &cwl.TagResourceInput{ResourceArn: aws.String(l.arn("/ecs/web")), Tags: map[string]string{"n": name}})
						if done := check("TagResource", err); done != (l.groups["/ecs/web"].meta.Tags["n"] == name) {
							t.Errorf("tags: answered %v", done)
						}
						_, err = c.CreateLogGroup(t.Context(), &cwl.CreateLogGroupInput{LogGroupName: &name})
						if made := check("CreateLogGroup", err); made != l.HasGroup(name) {
							t.Errorf("group: answered %v", made)
						}
						printed := fmt.Sprint("printed ", i)
						if err := errors.Join(l.CreateStream("/ecs/web", "app/app/late"), l.Append("/ecs/web", "app/app/late", Event{time.Now(), printed})); err != nil {
							t.Error(err)
						}
						want = append(want, printed)
					}
					held := func(c *cwl.Client) []string {
						var out []string
						for _, m := range messages(t, c) {
							if strings.HasPrefix(m, "p") { // not those of fill
								out = append(out, m)
							}
						}
						slices.Sort(out)
						return out
					}
					sorted := slices.Sorted(slices.Values(want))
					subset := func(got []string) bool { // the oldest may have made room
						return len(got) > 1 && !slices.ContainsFunc(got, func(m string) bool { return !slices.Contains(sorted, m) }) && slices.Contains(got, "printed 2")
					}
					before := held(c)
					if !subset(before) {
						t.Errorf("held %q, want %q", before, sorted)
					}
					if _, _, impaired := l.Impaired(); !impaired && len(want) < 6 {
						t.Error("not impaired after a refusal")
					}
					d.Fail(nil, 0, 0)
					l.Retry()
					if _, _, impaired := l.Impaired(); impaired {
						t.Error("still impaired after the disk was repaired")
					}
					// No Close: the process was killed.
					_, _, c = faulty(t, dir)
					if got := held(c); !slices.Equal(got, before) {
						t.Errorf("after a restart %q, before %q", got, before)
					}
					if files, _ := os.ReadDir(dir); slices.ContainsFunc(files, func(f os.DirEntry) bool { return filepath.Ext(f.Name()) != ".log" }) {
						t.Errorf("files that were not finished are left: %v", files)
					}
				})
			}
		}
	}
}

// What tasks print while no file takes it does not fill the memory.
func TestHeldIsBounded(t *testing.T) {
	d, l, c := faulty(t, t.TempDir())
	fill(t, l, c, 0)
	d.Fail(syscall.ENOSPC, 0, 0)
	line := strings.Repeat("x", maxMessage)
	for range 2 * maxHeld / maxMessage {
		if err := l.Append("/ecs/web", "app/app/0", Event{time.Now(), line}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.groups["/ecs/web"].streams["app/app/0"].events); n != maxHeld/maxMessage {
		t.Errorf("%d lines of %d bytes are held", n, maxMessage)
	}
	writes := d.Writes()
	if err := l.Append("/ecs/web", "app/app/0", Event{time.Now(), ""}); err != nil || d.Writes() != writes {
		t.Errorf("each line tries the full disk again: %v", err)
	}
}

// A folder's name is no pattern.
func TestFolderNames(t *testing.T) {
	root := t.TempDir()
	groups := map[string]string{"ws [2026]": "/ecs/a", "ws [2026": "/ecs/b", "ws*": "/ecs/c", "ws2": "/ecs/d"}
	for folder, name := range groups {
		l, _ := serve(t, filepath.Join(root, folder))
		if err := l.CreateGroup(name); err != nil {
			t.Fatal(err)
		}
	}
	for folder, name := range groups {
		l, _ := serve(t, filepath.Join(root, folder))
		if len(l.groups) != 1 || !l.HasGroup(name) {
			t.Errorf("%s has %d groups", folder, len(l.groups))
		}
	}
}

// A group's file without a header, as older programs wrote it, is read, goes on
// with a header, and its texts stay where they are. One of a newer program is
// refused.
func TestFileVersions(t *testing.T) {
	dir := t.TempDir()
	l, c := serve(t, dir)
	fill(t, l, c, 3)
	want := messages(t, c)
	path := l.path("/ecs/web")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header, old, _ := strings.Cut(string(data), "\n")
	if header != `{"format":"workshop sandbox logs","version":1}` {
		t.Fatalf("the file begins with %s", header)
	}
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	l, c = serve(t, dir)
	for _, text := range []string{"late 1", "late 2"} {
		want = append(want, text)
		if err := l.Append("/ecs/web", "app/app/0", Event{time.Now().Add(time.Hour), text}); err != nil {
			t.Fatal(err)
		}
	}
	if got := messages(t, c); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if data, _ = os.ReadFile(path); !strings.HasPrefix(string(data), old+header+"\n") || strings.Count(string(data), header) != 1 {
		t.Errorf("the file became %s", data)
	}
	if _, c = serve(t, dir); !slices.Equal(messages(t, c), want) {
		t.Errorf("opened again: %q", messages(t, c))
	}
	newer := strings.Replace(string(data), `"version":1`, `"version":9`, 1)
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(sandboxtest.Account(t), dir); !jsonl.Refused(err) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("a newer file: %v", err)
	}
}

// FuzzFile holds that whatever is in a group's file, what was read of it can be
// read again and is the same after the next start.
func FuzzFile(f *testing.F) {
	for _, s := range []string{
		`{"g":{"name":"/ecs/web","created":1}}` + "\n" + `{"s":"a","c":1}` + "\n" + `{"s":"a","t":1,"i":2,"m":"text"}` + "\n" + `{"s":"a","x":true}` + "\n",
		`{"g":{"name":"/ecs/web"}}` + "\n" + `{"s":"\"m\":","c":-1}` + "\n" + `{"s":"\"m\":","t":-5,"m":"\ud800"}` + "\n" + `{"m":"x","s":"\"m\":"}` + "\n" + `{"s"`,
		`{"format":"workshop sandbox logs","version":1}` + "\n" + `{"g":{"name":"/ecs/web"}}` + "\n" + `{"format":"workshop sandbox logs","version":2}` + "\n",
		`{"g":{"name":""}}` + "\n", `{"g":{"name":"/ecs/web","retention":-1}}` + "\n" + "\x00\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		read := func() (*Logs, []string) {
			l, err := New(sandboxtest.Account(t), dir)
			if jsonl.Refused(err) {
				if after, _ := os.ReadFile(filepath.Join(dir, "x.log")); string(after) != string(content) {
					t.Fatal("a file that was refused is changed")
				}
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, g := range l.sorted() {
				texts := texts{group: g}
				for name, s := range g.streams {
					for _, e := range s.events {
						text, err := texts.of(e)
						if err != nil {
							t.Fatalf("%+v: %v", e, err)
						}
						out = append(out, fmt.Sprintf("%s %s %d %s", g.meta.Name, name, e.time, text))
					}
				}
			}
			slices.Sort(out)
			return l, out
		}
		if err := os.WriteFile(filepath.Join(dir, "x.log"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, before := read()
		for _, g := range l.sorted() {
			l.compact(g)
		}
		l.Close()
		os.Remove(filepath.Join(dir, "x.log")) // its own name is another
		l, after := read()
		defer l.Close()
		if !slices.Equal(before, after) {
			t.Fatalf("%q became %q", before, after)
		}
	})
}
