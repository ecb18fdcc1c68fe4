package workspace

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestConfirmAccount(t *testing.T) {
	w, err := Open(filepath.Join(t.TempDir(), "w"), fstest.MapFS{"main.tf": {Data: []byte("# x\n")}})
	if err != nil {
		t.Fatal(err)
	}
	const account = "123456789012"
	if w.AccountConfirmed(account) {
		t.Error("confirmed before anybody typed it")
	}
	for range 2 {
		if err := w.ConfirmAccount(account); err != nil {
			t.Fatal(err)
		}
	}
	if !w.AccountConfirmed(account) || w.AccountConfirmed("123456789013") {
		t.Error("what is confirmed")
	}
	file := w.path(accountsFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, bad := range []string{"", "12345", "12345678901x", "1234567890123"} {
		if w.ConfirmAccount(bad) == nil {
			t.Errorf("%q was taken for an account", bad)
		}
	}
	// A damaged file asks again and is repaired by the answer.
	if err := os.WriteFile(file, []byte(`{"account`), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.AccountConfirmed(account) {
		t.Error("confirmed by a damaged file")
	}
	if err := w.ConfirmAccount(account); err != nil || !w.AccountConfirmed(account) {
		t.Errorf("after the damage: %v", err)
	}
}

func FuzzConfirmations(f *testing.F) {
	for _, s := range []string{`[{"account":"123456789012","confirmed":"2026-11-26T00:00:00Z"}]`, `null`, `[{"account":"*"}]`, `{`, "[{}]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := readConfirmations(b)
		for _, c := range all {
			if err != nil || !accountNumber.MatchString(c.Account) {
				t.Errorf("%q gives %v", b, all)
			}
		}
	})
}
