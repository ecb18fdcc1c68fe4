package session

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/workspace"
)

// maxFile bounds a file that is edited in the workshop, in bytes; a file of a
// configuration is far smaller.
const maxFile = 1 << 20

// Set gives variables of the configuration values. It takes the workspace's lock
// and keeps a copy of each file that it changes. changes has a sentence for each
// difference and each copy: none where every variable had its value already.
func (s *Session) Set(_ context.Context, settings []lesson.Setting) (changes []string, err error) {
	if err := s.Lock(); err != nil {
		return nil, err
	}
	before := s.Configuration()
	kept, err := s.setVariables(settings)
	after := s.Configuration()
	for _, set := range settings {
		was, is := before.Variables[set.Name], after.Variables[set.Name]
		if written(was.Value) != written(is.Value) {
			changes = append(changes, fmt.Sprintf("%s is now %s in %s; it was %s", set.Name, written(is.Value), is.SetIn, written(was.Value)))
		} else if was.SetIn != is.SetIn {
			changes = append(changes, fmt.Sprintf("%s is %s, as before, and now says so in %s", set.Name, written(is.Value), is.SetIn))
		}
	}
	for _, k := range kept {
		if rel, err := filepath.Rel(s.Workspace.Dir(), k); err == nil {
			k = rel
		}
		changes = append(changes, "The file as it was is kept in the workspace: "+clean.Line(k))
	}
	return changes, err
}

// written is a value as a person would write it.
func written(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // values come out of JSON or are made for it
	return clean.Line(strings.TrimSpace(b.String()))
}

// File is a file of the configuration, as it is edited.
type File struct {
	Name  string // in the folder of the configuration
	Path  string
	Text  string // as it is on disk, not cleaned; empty where there is no such file
	Line  int    // where to look first, from 1
	Fault *Fault // the first error of its syntax, nil where it has none
}

// Fault is an error in a file's syntax.
type Fault struct {
	Line    int // from 1
	Message string
}

// ReadFile reads the file that an action opens, and finds the line that it
// means as the file is now.
func (s *Session) ReadFile(_ context.Context, a lesson.Action) (File, error) {
	f := File{Name: a.File, Path: filepath.Join(s.Workspace.TerraformDir(), a.File), Line: max(a.At, 1)}
	if !workspace.ValidName(a.File) {
		return f, fmt.Errorf("%s is not the name of a file in the configuration's folder", clean.Line(a.File))
	}
	switch info, err := os.Stat(f.Path); {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return f, fmt.Errorf("opening %s: %w", f.Name, err)
	case !info.Mode().IsRegular():
		return f, fmt.Errorf("%s is not a file that could be edited", f.Path)
	case info.Size() > maxFile:
		return f, fmt.Errorf("%s is larger than a configuration's file should be (%d bytes)", f.Path, info.Size())
	}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		return f, fmt.Errorf("opening %s: %w", f.Name, err)
	}
	f.Text, f.Fault = string(data), syntax(a.File, data)
	if before, _, found := strings.Cut(f.Text, a.Find); found && a.Find != "" {
		f.Line = 1 + strings.Count(before, "\n")
	}
	f.Line = min(f.Line, 1+strings.Count(f.Text, "\n"))
	return f, nil
}

// WriteFile replaces a file of the configuration, under the lock. kept is the
// copy of what was there, empty where nothing was lost.
func (s *Session) WriteFile(ctx context.Context, name, text string) (f File, kept string, err error) {
	if err := s.Lock(); err != nil {
		return File{}, "", err
	}
	kept, err = s.Workspace.Edit(name, append([]byte{}, text...))
	if err != nil {
		return File{}, kept, err
	}
	f, err = s.ReadFile(ctx, lesson.Action{File: name})
	return f, kept, err
}

// syntax is the first error that a file in HCL or JSON has, whatever it means.
func syntax(name string, data []byte) *Fault {
	switch filepath.Ext(name) {
	case ".tf", ".tfvars", ".hcl":
		_, diags := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
		for _, d := range diags {
			if d.Severity == hcl.DiagError {
				f := &Fault{Line: 1, Message: clean.Line(cmp.Or(d.Detail, d.Summary))}
				if d.Subject != nil {
					f.Line = d.Subject.Start.Line
				}
				return f
			}
		}
	case ".json":
		var v any
		err := json.Unmarshal(data, &v)
		if err == nil {
			return nil
		}
		f := &Fault{Line: 1, Message: clean.Line(err.Error())}
		var at *json.SyntaxError
		if errors.As(err, &at) {
			f.Line += bytes.Count(data[:min(int(at.Offset), len(data))], []byte("\n"))
		}
		return f
	}
	return nil
}

// Editor is the command that opens a file in the learner's own editor, as VISUAL
// or EDITOR name it; nil where neither does. Who runs it gives it the terminal:
// it ends when the person leaves it.
func (s *Session) Editor(f File) *exec.Cmd {
	args := editor(os.Getenv, f.Path, f.Line)
	if args == nil {
		return nil
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.Workspace.TerraformDir()
	return cmd
}

// shellSpecial are the characters for which a shell has to read an editor's
// command, as git decides it too.
const shellSpecial = "|&;<>()$`\\\"'\n*?[#~=%"

// editor is an editor's command line with the line to go to, in the way that the
// editor is known to take it.
func editor(env func(string) string, path string, line int) []string {
	command := cmp.Or(strings.TrimSpace(env("VISUAL")), strings.TrimSpace(env("EDITOR")))
	args := strings.Fields(command)
	if len(args) == 0 {
		return nil
	}
	program := args[0]
	if runtime.GOOS != "windows" && strings.ContainsAny(command, shellSpecial) {
		if q := command[0]; q == '"' || q == '\'' {
			program, _, _ = strings.Cut(command[1:], string(q))
		}
		args = []string{"sh", "-c", command + ` "$@"`, program}
	}
	at := strconv.Itoa(line)
	switch strings.TrimSuffix(filepath.Base(program), ".exe") {
	case "vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro":
		return append(args, "+"+at, path)
	case "hx", "helix":
		return append(args, path+":"+at)
	case "code", "codium":
		return append(args, "--goto", path+":"+at)
	}
	return append(args, path)
}

// Shell is the learner's shell in the folder of the configuration, with the
// environment of the target. Who runs it gives it the terminal.
func (s *Session) Shell(ctx context.Context) (*exec.Cmd, error) {
	env, err := s.Environ(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(cmp.Or(os.Getenv("SHELL"), "sh"))
	cmd.Dir, cmd.Env = s.Workspace.TerraformDir(), env
	return cmd, nil
}
