package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

func TestEditKeepsACopy(t *testing.T) {
	w, err := Open(t.TempDir(), fstest.MapFS{"main.tf": {Data: []byte("a\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := w.Edit("x.tfvars", nil); kept != "" || err != nil {
		t.Errorf("removing what is not there: %q, %v", kept, err)
	}
	if kept, err := w.Edit("x.tfvars", []byte("1")); kept != "" || err != nil {
		t.Errorf("a new file: %q, %v", kept, err)
	}
	if kept, err := w.Edit("x.tfvars", []byte("1")); kept != "" || err != nil {
		t.Errorf("the same again: %q, %v", kept, err)
	}
	for _, next := range [][]byte{[]byte("2"), nil} {
		before, _ := os.ReadFile(filepath.Join(w.TerraformDir(), "x.tfvars"))
		kept, err := w.Edit("x.tfvars", next)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(kept); err != nil || string(got) != string(before) {
			t.Errorf("the copy is %q, %v", got, err)
		}
		time.Sleep(2 * time.Millisecond) // copies are named after the time
	}
	for _, name := range []string{"../id", "a/b", ".", ".."} {
		if _, err := w.Edit(name, []byte("x")); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if data, err := w.Bundled("main.tf"); err != nil || string(data) != "a\n" {
		t.Errorf("bundled: %q, %v", data, err)
	}
	if _, err := w.Bundled("gone.tf"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not bundled: %v", err)
	}
}

// Two processes that remember something at the same time lose nothing.
func TestUpdateProgress(t *testing.T) {
	dir := t.TempDir()
	bundle := fstest.MapFS{"main.tf": {Data: []byte("a\n")}}
	if _, err := Open(dir, bundle); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		w, err := Open(dir, bundle) // as another process would
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range 10 {
				err := w.UpdateProgress(func(p *Progress) error {
					sp := p.Steps["a"]
					sp.Hints++
					p.Steps["a"] = sp
					return nil
				})
				if err != nil {
					t.Errorf("process %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	w, _ := Open(dir, bundle)
	p, err := w.LoadProgress()
	if err != nil || p.Steps["a"].Hints != 40 {
		t.Errorf("%d of 40 are remembered, %v", p.Steps["a"].Hints, err)
	}
	refused := errors.New("no")
	err = w.UpdateProgress(func(p *Progress) error { p.Steps = nil; return refused })
	if p, _ := w.LoadProgress(); !errors.Is(err, refused) || p.Steps["a"].Hints != 40 {
		t.Errorf("after a refusal: %v, %v", p, err)
	}
	if raw, _ := os.ReadFile(filepath.Join(dir, "progress.json")); strings.Contains(string(raw), "quiz") {
		t.Errorf("what is empty is written: %s", raw)
	}
}
