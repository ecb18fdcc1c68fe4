package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/session"
)

// stepStatus is the contract of `steps --json`.
type stepStatus struct {
	ID              string `json:"id"`
	Title           string `json:"title"`
	EstimateMinutes int    `json:"estimate_minutes"` // the longer one of a range
	Done            bool   `json:"done"`
}

func (c *commandLine) stepsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "steps",
		Short: "List the steps of the workshop and which are done",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			s, course, err := c.course()
			if err != nil {
				return err
			}
			progress, err := s.Workspace.LoadProgress()
			if err != nil {
				return err
			}
			list := []stepStatus{}
			for _, st := range course.Steps {
				list = append(list, stepStatus{st.ID, st.Title, st.Estimate.Max, progress.Steps[st.ID].Done})
			}
			if c.json {
				return c.emit(list)
			}
			for i, st := range course.Steps {
				mark := " "
				if list[i].Done {
					mark = "x"
				}
				c.printf("[%s] %-14s %-32s %s\n", mark, st.ID, clean.Line(st.Title), st.Estimate)
			}
			return nil
		},
	}
}

// course opens the workspace and reads the steps; faults of single steps are
// told and the others used.
func (c *commandLine) course() (*session.Session, *lesson.Course, error) {
	s, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	course, err := s.Course()
	if err != nil {
		c.note("%v", err)
	}
	if len(course.Steps) == 0 {
		return nil, nil, errors.New("there is no step to show")
	}
	return s, course, nil
}

func (c *commandLine) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show STEP",
		Short: "Print a step, or any Markdown file, as text",
		Args:  oneArg("a step's id from `workshop steps`, or the path of a Markdown file"),
		RunE: func(_ *cobra.Command, args []string) error {
			step, vars, err := c.step(args[0])
			if err != nil {
				return err
			}
			if c.json {
				var text strings.Builder
				if err := step.Plain(&text, textWidth, vars); err != nil {
					return err
				}
				return c.emit(map[string]any{"id": step.ID, "title": step.Title, "estimate_minutes": step.Estimate.Max, "text": text.String()})
			}
			return step.Plain(c.out, c.width(), vars)
		},
	}
}

func (c *commandLine) step(name string) (*lesson.Step, func(string) (string, bool), error) {
	if strings.EqualFold(filepath.Ext(name), ".md") {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the page: %w", err)
		}
		step, err := lesson.Parse(name, src)
		return step, nil, err
	}
	s, course, err := c.course()
	if err != nil {
		return nil, nil, err
	}
	step, ok := course.Step(name)
	if !ok {
		return nil, nil, noStep(course, name)
	}
	shown := *step
	shown.Blocks = lesson.Select(step.Blocks, s.Holds())
	return &shown, func(name string) (string, bool) { return s.Value(course, name) }, nil
}

// textWidth is the widest text that reads well.
const textWidth = 92

func (c *commandLine) width() int {
	if c.tty != nil {
		if w, _, err := term.GetSize(c.tty.Fd()); err == nil && w > 0 {
			return min(w, textWidth)
		}
	}
	return textWidth
}
