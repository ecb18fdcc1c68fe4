package steps

import (
	"io/fs"
	"strings"
	"testing"

	"workshop/internal/check"
	"workshop/internal/lesson"
	"workshop/terraform"
)

func TestCourse(t *testing.T) {
	c, err := lesson.Load(Files)
	if err != nil {
		t.Fatal(err)
	}
	schema := check.ReadConfiguration(terraform.Files).Schema(nil)
	least, most := 0, 0 // minutes
	for _, s := range c.Steps {
		least, most = least+s.Estimate.Min, most+s.Estimate.Max
		if s.Estimate.Max == 0 || len(s.Goals) == 0 {
			t.Errorf("%s has no estimate or no goals", s.File)
		}
		if len(s.Checks) == 0 || len(s.Solve) == 0 || len(s.Hints) < 2 || len(s.Hints) > 3 || len(s.Quiz) == 0 || len(s.Quiz) > 3 {
			t.Errorf("%s has %d checks, %d hints, %d questions, %d things that it does for the learner",
				s.File, len(s.Checks), len(s.Hints), len(s.Quiz), len(s.Solve))
		}
		for _, c := range s.Checks {
			if c.Else == "" {
				t.Errorf("%s:%d: the check %s does not say what to do when it fails", s.File, c.Line, c.ID)
			}
			if _, err := check.Compile(c.That, schema); err != nil {
				t.Errorf("%s:%d: %v", s.File, c.Line, err)
			}
		}
		for _, q := range s.Quiz {
			for _, a := range q.Answers {
				if len(a.Why) == 0 {
					t.Errorf("%s:%d: an answer has no explanation", s.File, q.Line)
				}
			}
		}
		src, err := fs.ReadFile(Files, s.File)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(src), "What it costs") && !strings.Contains(string(src), "What this step costs") {
			t.Errorf("%s does not say what it costs", s.File)
		}
	}
	if least > 120 || most < 120 || most > 165 {
		t.Errorf("the course takes %d to %d minutes, and it is to be about two hours", least, most)
	}
}

func TestArchitectureFoldsWhatIsAside(t *testing.T) {
	c, err := lesson.Load(Files)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := c.Step("architecture")
	if s.Estimate != (lesson.Estimate{Min: 15, Max: 20}) {
		t.Errorf("the estimate is %v", s.Estimate)
	}
	want := map[string]bool{"What is AWS Fargate?": true, "What is Terraform?": true}
	for _, b := range s.Blocks {
		if title := lesson.Text(b.Text); b.Kind == lesson.Admonition && want[title] {
			delete(want, title)
			if !b.Foldable || b.Open {
				t.Errorf("%q is not closed", title)
			}
			picture := false
			for _, inner := range b.Blocks {
				picture = picture || inner.Kind == lesson.Image && inner.Source == "images/Fargate.png"
			}
			if title == "What is AWS Fargate?" && !picture {
				t.Error("the picture of Fargate is not in its block")
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
