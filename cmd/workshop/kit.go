package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/lesson/kit"
	"workshop/internal/target"
	"workshop/internal/tui"
	"workshop/internal/workspace"
	"workshop/steps"
	"workshop/terraform"
)

// content is the workshop that is taught: the bundled one, or an author's.
type content struct {
	steps     fs.FS
	terraform fs.FS
	name      string // of the workspace's folder, where it is not the bundled one's
}

// content finds the workshop that --steps and --terraform name. --terraform
// names a program, unless it is a folder: then it is the configuration's.
func (c *commandLine) content() (content, error) {
	out := content{steps: steps.Files, terraform: terraform.Files}
	tf := ""
	if info, err := os.Stat(c.terraform); c.terraform != "" && err == nil && info.IsDir() {
		tf = c.terraform
	}
	if c.steps == "" && tf == "" {
		return out, nil
	}
	if c.steps != "" {
		if err := folder("--steps", c.steps); err != nil {
			return out, err
		}
		out.steps = os.DirFS(c.steps)
		if own := filepath.Join(c.steps, kit.Terraform); tf == "" && configured(own) {
			tf = own
		}
	}
	if tf != "" {
		if !configured(tf) {
			return out, usagef("--terraform %s has no .tf files", tf)
		}
		out.terraform = os.DirFS(tf)
	}
	out.name = workspaceName(c.steps, tf)
	return out, nil
}

func folder(what, dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return usagef("%s %s: %w", what, dir, err)
	}
	return nil
}

func configured(dir string) bool {
	names, err := fs.Glob(os.DirFS(dir), "*.tf")
	return err == nil && len(names) > 0
}

var unsafeCharacters = regexp.MustCompile(`[^A-Za-z0-9]+`)

// workspaceName tells the workspaces of different workshops apart: people with
// two of them must not deploy one over the other.
func workspaceName(dirs ...string) string {
	h := sha256.New()
	base := ""
	for _, d := range dirs {
		if d == "" {
			continue
		}
		if abs, err := filepath.Abs(d); err == nil {
			d = abs
		}
		fmt.Fprintln(h, d)
		if base == "" {
			base = strings.Trim(unsafeCharacters.ReplaceAllString(filepath.Base(d), "-"), "-")
		}
	}
	return strings.TrimPrefix(base+"-"+hex.EncodeToString(h.Sum(nil))[:8], "-")
}

// workspaceDir is the folder of the workspace for a workshop.
func (c *commandLine) workspaceDir(kind target.Kind, what content) (string, error) {
	if c.workspace != "" || what.name == "" {
		return c.workspace, nil
	}
	return workspace.DefaultDir(string(kind) + "-" + what.name)
}

func (c *commandLine) newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new DIR",
		Short: "Write a small workshop of your own to begin with",
		Args:  oneArg("a folder that is empty or not there yet"),
		RunE: func(_ *cobra.Command, args []string) error {
			names, err := kit.New(args[0])
			if err != nil {
				return err
			}
			if c.json {
				return c.emit(map[string]any{"dir": args[0], "files": names})
			}
			for _, n := range names {
				c.printf("%s\n", filepath.Join(args[0], filepath.FromSlash(n)))
			}
			c.printf("`workshop preview %s` shows it, `workshop lint %s` finds mistakes.\n", clean.Line(args[0]), clean.Line(args[0]))
			return nil
		},
	}
}

// lintFault is the contract of one line of `lint --json`.
type lintFault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

func (c *commandLine) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint DIR",
		Short: "Find the mistakes in a workshop; exit code 1 where there are any",
		Args:  oneArg("the folder of a workshop"),
		RunE: func(_ *cobra.Command, args []string) error {
			faults, err := c.lint(args[0])
			if err != nil {
				return err
			}
			for _, f := range faults {
				if c.json {
					if err := c.emit(lintFault{f.File, f.Line, f.Column, f.Msg}); err != nil {
						return err
					}
					continue
				}
				f.File = filepath.Join(args[0], filepath.FromSlash(f.File))
				c.printf("%s\n", clean.Line(f.Error()))
			}
			if len(faults) > 0 {
				return errReported
			}
			return nil
		},
	}
}

func (c *commandLine) lint(dir string) ([]*lesson.Error, error) {
	c.steps = dir
	what, err := c.content()
	if err != nil {
		return nil, err
	}
	return kit.Lint(what.steps, what.terraform, tui.Pages()), nil
}

// lookEvery is how often a preview looks whether a file was saved.
const lookEvery = 200 * time.Millisecond

func (c *commandLine) previewCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "preview DIR",
		Short: "Show a workshop on the screen as learners see it, anew whenever you save a file",
		Args:  oneArg("the folder of a workshop"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.steps = args[0]
			what, err := c.content()
			if err != nil {
				return err
			}
			c.draft = kit.NewDraft(what.steps, what.terraform, tui.Pages())
			return c.preview(cmd.Context(), args[0], what.steps)
		},
	}
}

// preview shows the draft, and looks at its folder until the screen is left.
func (c *commandLine) preview(ctx context.Context, dir string, images fs.FS) error {
	watching, cancel := context.WithCancel(ctx)
	drafts := make(chan tui.Draft, 1)
	look := func() {
		course, faults := c.draft.Look()
		d := tui.Draft{Course: course, Images: images}
		for _, f := range faults {
			d.Faults = append(d.Faults, f)
		}
		select {
		case drafts <- d:
		case <-watching.Done():
		}
	}
	look()
	var watch sync.WaitGroup
	watch.Go(func() { kit.Watch(watching, dir, lookEvery, look) })
	defer watch.Wait()
	defer cancel()
	return c.screen(ctx, tui.Options{Drafts: drafts})
}
