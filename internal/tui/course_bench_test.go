package tui_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/lesson"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
	"workshop/steps"
)

// frames measures key presses with the frame after each, at 200x60.
func frames(b *testing.B, course *lesson.Course, keys ...string) {
	ctx, cancel := context.WithCancel(b.Context())
	s := tuitest.New()
	s.Course, s.Images = course, steps.Files
	m := tui.NewModel(ctx, s, tui.Options{})
	defer m.CloseJobs(cancel)
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	m.OpenNow(ctx)
	m.View()
	took := make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		m.Update(key(keys[i%len(keys)]))
		m.View()
		took = append(took, time.Since(begin))
	}
	late := 0
	for _, d := range took {
		if d > 16*time.Millisecond {
			late++
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(ms(took[len(took)-1]), "max-ms")
	b.ReportMetric(float64(late), "frames>16ms")
}

// BenchmarkOpenStep goes through all steps and back. The budget is 16 ms a step
// after the first.
func BenchmarkOpenStep(b *testing.B) {
	course, err := lesson.Load(steps.Files)
	if err != nil {
		b.Fatal(err)
	}
	var keys []string
	for _, k := range []string{"n", "p"} {
		for range len(course.Steps) - 1 {
			keys = append(keys, k)
		}
	}
	frames(b, course, keys...)
}

// BenchmarkScrollMegabyte scrolls a step of a megabyte. The budget is 16 ms a
// frame.
func BenchmarkScrollMegabyte(b *testing.B) {
	src, err := os.ReadFile("../lesson/testdata/dialect.md")
	if err != nil {
		b.Fatal(err)
	}
	_, body, _ := bytes.Cut(src[4:], []byte("---\n"))
	body = bytes.ReplaceAll(body, []byte("[^1]"), nil)
	step, _ := lesson.Parse("large.md", append([]byte("# Large\n\n"), bytes.Repeat(body, 1<<20/len(body))...))
	frames(b, &lesson.Course{Steps: []*lesson.Step{step}}, "pgdown", "pgdown", "down", "tab", "pgdown", "up", "end", "pgup", "home")
}
