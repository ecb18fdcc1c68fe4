package steps

import (
	"io/fs"
	"strings"
	"testing"

	"workshop/internal/lesson"
)

func TestCourse(t *testing.T) {
	c, err := lesson.Load(Files)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range c.Steps {
		ids = append(ids, s.ID)
		if s.Estimate.Max == 0 || len(s.Goals) == 0 {
			t.Errorf("%s has no estimate or no goals", s.File)
		}
		src, err := fs.ReadFile(Files, s.File)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(src), "What it costs") && !strings.Contains(string(src), "What this step costs") {
			t.Errorf("%s does not say what it costs", s.File)
		}
	}
	if got := strings.Join(ids, " "); got != "architecture prerequisites plan deploy explore clean-up" {
		t.Errorf("the steps are %s", got)
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
