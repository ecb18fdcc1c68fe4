package tui_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/check"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/tui"
	"workshop/internal/tui/reader"
	"workshop/internal/tui/style"
	"workshop/internal/tui/tuitest"
	"workshop/steps"
	"workshop/terraform"
)

// bundled is the workshop that is taught, with what its text asks for before
// anything is deployed.
func bundled(t *testing.T) (*lesson.Course, session.TextValues) {
	t.Helper()
	course, err := lesson.Load(steps.Files)
	if err != nil {
		t.Fatal(err)
	}
	words := session.TextValues{Values: map[string]string{}, Holds: map[string]bool{`target == "aws"`: false, `target == "sandbox"`: true}}
	for name, v := range check.ReadConfiguration(terraform.Files).Variables {
		if v.Value != nil {
			words.Values["vars."+name] = fmt.Sprint(v.Value)
		}
	}
	return course, words
}

// TestStepFrames shows every step as it is when a learner opens it.
func TestStepFrames(t *testing.T) {
	course, words := bundled(t)
	for _, step := range course.Steps {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
			t.Run(fmt.Sprintf("%s-%dx%d", step.ID, size[0], size[1]), func(t *testing.T) {
				open := func() *tuitest.Session {
					s := tuitest.New()
					alone := *course // so that no other step is in the frame
					alone.Steps = []*lesson.Step{step}
					s.Course, s.Images, s.Known = &alone, steps.Files, words
					s.Progress = session.Progress{Step: step.ID}
					return s
				}
				drive(t, open, size[0], size[1], tui.Options{}, func(st *driver) {
					st.wait(5 * time.Second) // it is ready, and the checks have been asked
					st.golden("step-" + step.ID)
				})
			})
		}
	}
}

// TestStepTexts lays every step out in whole, with everything unfolded, at the
// widths that text has on a screen of 80 columns, on wide ones and on narrow ones.
func TestStepTexts(t *testing.T) {
	course, words := bundled(t)
	value := func(name string) (string, bool) {
		switch name {
		case "target":
			return "sandbox", true
		case "account":
			return "123456789012", true
		case "region":
			return "eu-west-1", true
		case "workspace":
			return "~/workshop", true
		}
		if v, ok := words.Values[name]; ok {
			return v, true
		}
		if v, ok := lesson.ScreenVariable(tui.Pages(), name); ok {
			return v, true
		}
		return course.Variable(name, "sandbox")
	}
	for _, step := range course.Steps {
		t.Run(step.ID, func(t *testing.T) {
			var out strings.Builder
			for _, width := range []int{60, 78, 92} {
				r := reader.New(step, style.New(true, true), steps.Files)
				r.SetVars(value)
				r.SetWhen(func(when string) bool { return words.Holds[when] })
				r.Restore(unfolded(t, step))
				r.SetSize(width+2, 1) // two more for the scroll bar
				_, lines, _ := r.Position()
				r.SetSize(width+2, lines)
				fmt.Fprintf(&out, "%s\n", strings.Repeat("=", width))
				for _, l := range strings.Split(r.View(), "\n") {
					l = strings.TrimRight(ansi.Strip(l), " ")
					if n := ansi.StringWidth(l); n > width {
						t.Errorf("a line of %d in a text of %d: %s", n, width, l)
					}
					fmt.Fprintln(&out, l)
				}
			}
			(&driver{t: t}).compare("text-"+step.ID+".txt", out.String())
		})
	}
}

// unfolded is the place of a reader in which every foldable block is open.
func unfolded(t *testing.T, s *lesson.Step) []byte {
	t.Helper()
	folds := map[string]bool{}
	var open func([]lesson.Block)
	open = func(blocks []lesson.Block) {
		for _, b := range blocks {
			if b.Foldable {
				folds[b.ID] = true
			}
			open(b.Blocks)
			for _, it := range b.Items {
				open(it.Blocks)
			}
		}
	}
	open(s.Blocks)
	place, err := json.Marshal(map[string]any{"folds": folds})
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// Every frame of a step that is no longer taught is gone.
func TestNoFramesOfOldSteps(t *testing.T) {
	course, _ := bundled(t)
	for _, pattern := range []string{"step-*.txt", "text-*.txt"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			known := false
			for _, s := range course.Steps {
				name := filepath.Base(file)
				known = known || strings.HasPrefix(name, "step-"+s.ID+"-") || name == "text-"+s.ID+".txt"
			}
			if !known && *update {
				if err := os.Remove(file); err != nil {
					t.Error(err)
				}
			} else if !known {
				t.Errorf("%s is of no step", file)
			}
		}
	}
}

// The guide for authors lists the pages that there are.
func TestAuthoringListsThePages(t *testing.T) {
	guide, err := os.ReadFile("../../docs/authoring.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range tui.Pages() {
		names = append(names, "`"+p.Slug+"`")
	}
	if list := "The pages are " + strings.Join(names, ", ") + ":"; !strings.Contains(string(guide), list) {
		t.Errorf("docs/authoring.md does not say %q", list)
	}
}
