package tui_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
	"workshop/internal/session"
	"workshop/internal/tui"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/tuitest"
)

// BenchmarkPages is one key press with the frame after it, at 200x60, on the
// pages that draw most. The budget is 2 ms for the p99.
func BenchmarkPages(b *testing.B) {
	for _, bench := range []struct {
		name, page string
		keys       []string
	}{
		{"guide", "guide", []string{"down", "pgdown", "up", "home"}},
		{"diagram", "deploy", []string{"tab", "right", "left", "up", "down"}},
		{"search", "guide", []string{"a", "s", "k", "backspace", "backspace", "backspace", "down"}},
		{"logs-filter", "logs", []string{"/", "s", "l", "o", "w", "backspace", "enter", "up", "esc"}},
		{"logs-search", "logs", []string{"f", "s", "l", "o", "w", "backspace", "enter", "N", "N", "n", "esc"}},
		{"editor", "guide", []string{"x", "down", "end", "backspace", "up", "enter", "backspace"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			m := tui.NewModel(ctx, tuitest.NewUp(), tui.Options{Page: bench.page})
			defer m.CloseJobs(cancel)
			m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
			m.OpenNow(ctx)
			if bench.page == "logs" {
				for n := range 100 {
					lines := make([]fargate.Line, 1_000)
					for i := range lines {
						lines[i] = fargate.Line{Time: time.Now(), Task: "7f3a", Message: []string{"GET /", "POST / slow", "GET /echo slow", "done"}[(n+i)%4]}
					}
					m.Update(jobs.LineBatch(0, lines))
				}
			}
			switch bench.name {
			case "diagram":
				m.Update(key("g"))
			case "search":
				m.Update(key("/"))
			case "editor": // of the longest file that the workshop has
				m.Guide().Edit(session.File{Name: "service.tf", Text: strings.Repeat("  desired_count = 2 # that many\n", 180), Line: 90})
			}
			took := make([]time.Duration, 0, b.N)
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				m.Update(key(bench.keys[i%len(bench.keys)]))
				m.View()
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
