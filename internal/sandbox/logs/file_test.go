package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
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

// A disk that takes nothing more costs what comes after a restart, and nothing
// before.
func TestFullDiskKeepsWhatIsPrinted(t *testing.T) {
	l, c := serve(t, t.TempDir())
	fill(t, l, c, 1)
	l.groups["/ecs/web"].file.Close()
	if err := l.Append("/ecs/web", "app/app/0", Event{time.Now(), "later"}); err == nil {
		t.Fatal("no error from a file that cannot be written")
	}
	if got := l.groups["/ecs/web"].streams["app/app/0"].events; len(got) != 2 || got[1].text != "later" {
		t.Errorf("held: %+v", got)
	}
}
