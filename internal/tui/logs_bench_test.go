package tui_test

import (
	"context"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/fargate"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// burst is a session whose log is so many lines as fast as they are taken.
type burst struct {
	*tuitest.Session
	lines int
	done  chan struct{} // closed when all were given out
}

func (b *burst) Tail(ctx context.Context, more func([]fargate.Line), how func(fargate.Stream)) error {
	how(fargate.Stream{AsOf: time.Now()})
	const batch = 1_000
	for n := 0; n < b.lines; n += batch {
		lines := make([]fargate.Line, batch)
		for i := range lines {
			lines[i] = fargate.Line{Time: time.Now(), Task: "7f3a", Message: "line " + strconv.Itoa(n+i) + " GET /echo HTTP/1.1 200 of a task that prints as fast as it can, 100 bytes each time or so"}
		}
		more(lines)
	}
	close(b.done)
	<-ctx.Done()
	return nil
}

// BenchmarkBurst is the Logs page at 200x60 while 1,000,000 lines come as fast as they can:
// how long a key press takes from the press to the frame, other messages before it
// included; that every line is held, was dropped from what is held, or is counted as one
// that came too fast; and the memory of the process a moment later.
//
//	go test ./internal/tui -run xxx -bench Burst -benchtime 1x
func BenchmarkBurst(b *testing.B) {
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		s := &burst{tuitest.NewUp(), 1_000_000, make(chan struct{})}
		m := tui.NewModel(ctx, s, tui.Options{Page: "logs"})
		msgs := make(chan tea.Msg)
		var run func(tea.Cmd)
		run = func(cmd tea.Cmd) {
			if cmd == nil {
				return
			}
			go func() { // ends with its command, or with ctx
				msg := cmd()
				if batch, ok := msg.(tea.BatchMsg); ok {
					for _, c := range batch {
						run(c)
					}
					return
				}
				select {
				case msgs <- msg:
				case <-ctx.Done():
				}
			}()
		}
		var took []time.Duration
		pressed := make(chan time.Time)
		go func() { // the one who presses keys
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(7 * time.Millisecond):
				}
				select {
				case pressed <- time.Now():
				case <-ctx.Done():
					return
				}
			}
		}()
		run(m.Init())
		m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
		begin, given := time.Now(), time.Duration(0)
		keys := []string{"/", "G", "E", "T", "enter", "up", "pgup", "G", "esc", "w", "w", "l", "l", "l"}
		settled := time.After(time.Hour)
		done := s.done
		for over := false; !over; {
			select {
			case msg := <-msgs:
				_, cmd := m.Update(msg)
				m.View()
				run(cmd)
			case at := <-pressed:
				_, cmd := m.Update(key(keys[len(took)%len(keys)]))
				m.View()
				took = append(took, time.Since(at))
				run(cmd)
			case <-done:
				given, done = time.Since(begin), nil
				settled = time.After(3 * time.Second)
			case <-settled:
				over = true
			}
		}
		for n := len(took); n%len(keys) != 0; n++ { // to where nothing is filtered
			m.Update(key(keys[n%len(keys)]))
		}
		m.Update(key("G"))
		screen := m.View().Content
		number := func(pattern string) int {
			found := regexp.MustCompile(pattern).FindStringSubmatch(ansi.Strip(screen))
			if found == nil {
				return 0
			}
			n, _ := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
			return n
		}
		if !strings.Contains(screen, "line 999999 ") {
			b.Errorf("the last line is not on the screen:\n%s", screen)
		}
		debug.FreeOSMemory()
		slices.Sort(took)
		b.ReportMetric(float64(s.lines)/given.Seconds(), "lines/s")
		b.ReportMetric(float64(number(`([\d,]+) lines came too fast`)), "lines-counted-as-too-fast")
		b.ReportMetric(float64(len(took)), "keys")
		b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "key-p99-ms")
		b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "key-most-ms")
		b.ReportMetric(resident(b), "resident-MB")
		b.ReportMetric(0, "ns/op")
		m.CloseJobs(cancel)
		time.Sleep(8 * time.Second) // the last tick goes off
	}
}

// resident is the memory of this process that is in use, in MB, where the system says.
func resident(b *testing.B) float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Log(err)
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(data))[1])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
