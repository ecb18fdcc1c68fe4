package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/adrg/xdg"
)

func TestKnown(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	if all, err := AllKnown(); err != nil || len(all) != 0 {
		t.Fatalf("before anything: %v, %v", all, err)
	}
	var want []Known
	for _, target := range []string{"sandbox", "aws"} {
		dir := filepath.Join(t.TempDir(), "ws ["+target)
		if _, err := Open(dir, fstest.MapFS{"main.tf": {Data: []byte("#\n")}}); err != nil {
			t.Fatal(err)
		}
		want = append(want, Known{dir, target})
	}
	for range 2 { // the second time adds nothing
		for _, k := range want {
			if err := Remember(k); err != nil {
				t.Fatal(err)
			}
		}
	}
	if all, err := AllKnown(); err != nil || !slices.Equal(all, want) {
		t.Errorf("known: %v, %v", all, err)
	}
	if err := os.RemoveAll(want[0].Dir); err != nil {
		t.Fatal(err)
	}
	if all, err := AllKnown(); err != nil || !slices.Equal(all, want[1:]) {
		t.Errorf("after one was removed: %v, %v", all, err)
	}
}

func FuzzKnown(f *testing.F) {
	f.Add([]byte(`[{"dir":"/x","target":"aws"},{"dir":"../y"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := decodeKnown(data)
		for _, k := range all {
			if err == nil && !filepath.IsAbs(k.Dir) {
				t.Errorf("%q is no whole path", k.Dir)
			}
		}
	})
}
