package session

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"workshop/internal/lesson"
)

func TestChangeSaysWhatIsDifferent(t *testing.T) {
	s, _ := teaching(t)
	values := filepath.Join(s.Workspace.TerraformDir(), "terraform.tfvars")
	for _, c := range []struct {
		name string
		set  []lesson.Setting
		want []string // begins of the lines
	}{
		{"a first value", []lesson.Setting{{Name: "message", Value: "You & me"}},
			[]string{`message is now "You & me" in terraform.tfvars; it was "Hello"`}},
		{"two, one of them as it was", []lesson.Setting{{Name: "message", Value: "You & me"}, {Name: "desired_count", Value: "3"}},
			[]string{`desired_count is now 3 in terraform.tfvars; it was 2`, "The file as it was is kept in the workspace: "}},
		{"nothing", []lesson.Setting{{Name: "desired_count", Value: "3"}}, nil},
		{"what was the default", []lesson.Setting{{Name: "zones", Value: `["a"]`}},
			[]string{`zones is ["a"], as before, and now says so in terraform.tfvars`, "The file as it was is kept in the workspace: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := os.ReadFile(values)
			got, err := s.Set(t.Context(), c.set)
			if err != nil || len(got) != len(c.want) {
				t.Fatalf("%q, %v", got, err)
			}
			for i, l := range got {
				if !strings.HasPrefix(l, c.want[i]) {
					t.Errorf("line %d is %q, not %q", i, l, c.want[i])
				}
				if kept, ok := strings.CutPrefix(l, "The file as it was is kept in the workspace: "); ok {
					if old, err := os.ReadFile(filepath.Join(s.Workspace.Dir(), kept)); err != nil || string(old) != string(before) {
						t.Errorf("the copy has %q, %v", old, err)
					}
				}
			}
		})
	}
	if got, err := s.Set(t.Context(), []lesson.Setting{{Name: "nobody", Value: "1"}}); err == nil || len(got) > 0 {
		t.Errorf("a variable that there is not: %q, %v", got, err)
	}
}

func TestReadAndWriteFile(t *testing.T) {
	s, _ := teaching(t)
	for _, c := range []struct {
		a    lesson.Action
		line int
	}{
		{lesson.Action{File: "main.tf"}, 1},
		{lesson.Action{File: "main.tf", At: 3}, 3},
		{lesson.Action{File: "main.tf", At: 3000}, 1 + strings.Count(someVariables, "\n")},
		{lesson.Action{File: "main.tf", Find: "desired_count"}, 6},
		{lesson.Action{File: "main.tf", Find: "is not there", At: 2}, 2},
		{lesson.Action{File: "terraform.tfvars", At: 7}, 7},
	} {
		f, err := s.ReadFile(t.Context(), c.a)
		if err != nil || f.Line != c.line || f.Fault != nil {
			t.Errorf("%+v: line %d, %+v, %v", c.a, f.Line, f.Fault, err)
		}
	}
	for _, name := range []string{"../id", "..", "", "/etc/passwd", "a/b.tf"} {
		if f, err := s.ReadFile(t.Context(), lesson.Action{File: name}); err == nil {
			t.Errorf("%q was read: %+v", name, f)
		}
		if _, _, err := s.WriteFile(t.Context(), name, "x"); err == nil {
			t.Errorf("%q was written", name)
		}
	}

	f, kept, err := s.WriteFile(t.Context(), "main.tf", "a {\n  b = 1\n\n")
	if err != nil || f.Fault == nil || f.Fault.Line != 1 || !strings.Contains(f.Fault.Message, "closing brace") {
		t.Errorf("a block that is not closed: %+v, %v", f.Fault, err)
	}
	if old, err := os.ReadFile(kept); err != nil || string(old) != someVariables {
		t.Errorf("the copy has %q, %v", old, err)
	}
	if f, _, err = s.WriteFile(t.Context(), "x.auto.tfvars.json", "{\n\"a\": 1,\n}"); err != nil || f.Fault == nil || f.Fault.Line != 3 {
		t.Errorf("JSON with a comma too many: %+v, %v", f.Fault, err)
	}
	if f, _, err = s.WriteFile(t.Context(), "main.tf", ""); err != nil || f.Text != "" || f.Fault != nil {
		t.Errorf("an empty file: %+v, %v", f, err)
	}
	if _, err := os.Stat(f.Path); err != nil {
		t.Errorf("an empty file is a file still: %v", err)
	}
}

func TestEditor(t *testing.T) {
	for _, c := range []struct{ visual, editor, want string }{
		{"", "", ""},
		{" ", "vi", "vi +12 /w/a.tf"},
		{"/usr/bin/nvim -R", "vi", "/usr/bin/nvim -R +12 /w/a.tf"},
		{"", "nano", "nano +12 /w/a.tf"},
		{"", "emacs -nw", "emacs -nw +12 /w/a.tf"},
		{"", "micro", "micro +12 /w/a.tf"},
		{"hx", "", "hx /w/a.tf:12"},
		{"code --wait", "", "code --wait --goto /w/a.tf:12"},
		{"", "ed", "ed /w/a.tf"},
	} {
		env := map[string]string{"VISUAL": c.visual, "EDITOR": c.editor}
		got := editor(func(name string) string { return env[name] }, "/w/a.tf", 12)
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("VISUAL=%q EDITOR=%q: %q, not %q", c.visual, c.editor, got, c.want)
		}
	}
}

// An editor with quotes, variables or a path with spaces is for a shell to read.
func TestEditorThroughAShell(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh on this machine")
	}
	dir := filepath.Join(t.TempDir(), "my editors")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vim", "subl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nprintf '<%s>' \"$@\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("EDITORS", dir)
	const path = "/w/it's [mine] $HOME.tf"
	for editing, want := range map[string]string{
		`"` + dir + `/subl" -w`:         "<-w><" + path + ">",
		`'` + dir + `/vim' -R "a b"`:    "<-R><a b><+12><" + path + ">",
		`"$EDITORS/vim"`:                "<+12><" + path + ">",
		`A=1 "$EDITORS/subl"`:           "<" + path + ">",
		dir[:len(dir)-1] + `\s/subl -n`: "",
	} {
		args := editor(func(string) string { return editing }, path, 12)
		got, err := exec.Command(args[0], args[1:]...).Output()
		if want == "" { // a space that is not quoted: the shell says so
			if err == nil {
				t.Errorf("%s: %s", editing, got)
			}
			continue
		}
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", editing, got, err, want)
		}
	}
}

func FuzzEditor(f *testing.F) {
	f.Add("vi", "", 1)
	f.Add(`"a b" -w`, "nano", -1)
	f.Add(`'`, " ", 0)
	f.Fuzz(func(t *testing.T, visual, other string, line int) {
		const path = "/w/a.tf"
		args := editor(func(name string) string { return map[string]string{"VISUAL": visual, "EDITOR": other}[name] }, path, line)
		if (args == nil) != (strings.TrimSpace(visual)+strings.TrimSpace(other) == "") {
			t.Fatalf("VISUAL=%q EDITOR=%q: %q", visual, other, args)
		}
		if args != nil && (args[0] == "" || !strings.HasPrefix(args[len(args)-1], path)) {
			t.Fatalf("VISUAL=%q EDITOR=%q: %q", visual, other, args)
		}
	})
}
