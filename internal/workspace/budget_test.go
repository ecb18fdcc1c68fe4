package workspace

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestBudget(t *testing.T) {
	w, err := Open(t.TempDir(), fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.Dir(), "budget.json")
	for _, m := range []int64{0, 2_500_000, 0, 0, 1} {
		if err := w.SetBudget(m); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Budget(); got != m || err != nil {
			t.Errorf("set %d, got %d, %v", m, got, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, damaged := range []string{"", "{", `{"microdollars":-1}`, `{"microdollars":1e40}`, `{"microdollars":"2"}`, `{"microdollars":1000000000001}`} {
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Budget(); got != 0 || err == nil {
			t.Errorf("%s: got %d, %v", damaged, got, err)
		}
	}
}

func FuzzDecodeBudget(f *testing.F) {
	f.Add([]byte(`{"microdollars":2500000}`))
	f.Add([]byte(`{"microdollars":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := decodeBudget(data); m < 0 || m > maxBudget || err != nil && m != 0 {
			t.Errorf("got %d, %v", m, err)
		}
	})
}
