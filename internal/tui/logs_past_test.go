package tui_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// upWithLog is a stack that is up, whose log has so many lines, one a second, the last of
// them two hours before the start.
func upWithLog(lines int) func() *tuitest.Session {
	return func() *tuitest.Session {
		s := tuitest.NewUp()
		at := time.Now().Add(-2 * time.Hour)
		for i := range lines {
			s.Log = append(s.Log, fargate.Line{Time: at.Add(time.Duration(i-lines) * time.Second), Task: "7f3a", Message: fmt.Sprintf("old %04d", i)})
		}
		return s
	}
}

// rowsWith are the rows of the screen that have a text.
func (st *driver) rowsWith(text string) (rows []string) {
	for _, r := range strings.Split(st.screen(), "\n") {
		if strings.Contains(r, text) {
			rows = append(rows, r)
		}
	}
	return rows
}

// From a stopped task the logs open at what it printed last; esc shows all tasks again.
func TestLastLinesOfAStoppedTask(t *testing.T) {
	for _, size := range sizes {
		drive(t, tuitest.NewUp, size[0], size[1], tui.Options{Page: "live"}, func(st *driver) {
			st.wait(20 * time.Second)
			st.s.Crash()
			crashed := time.Now()
			id := fmt.Sprintf("7f3a1c%026x", 1)
			for i := range 400 {
				st.s.Log = append(st.s.Log, fargate.Line{Time: crashed.Add(time.Duration(i-400) * 10 * time.Millisecond), Task: id, Container: "web", Message: fmt.Sprintf("word %d", i)})
			}
			st.s.Log = append(st.s.Log, fargate.Line{Time: crashed, Task: id, Container: "web", Message: "panic: the last words"}, fargate.Line{Time: crashed, Task: "99de", Message: "of another task"})
			st.wait(3 * time.Second)
			st.press("l")
			st.sees("Logs of all tasks") // the cursor is on one that runs
			st.open("live")
			for range 6 {
				st.press("down")
				if strings.Contains(st.m.PageHints(), "l last lines") {
					break
				}
			}
			st.press("l")
			st.wait(time.Second)
			st.sees("Logs of task 7f3a", "401 lines", "Stopped at "+crashed.Local().Format("15:04:05"), "ago: ", "panic: the last words", "word 399")
			st.seesNot("of another task", "following")
			st.called("log page after=false task=true")
			st.golden("logs-last-lines")
			st.press("g")
			st.sees("word 0")
			st.press("up")
			st.sees("There are no older lines")
			st.press("esc")
			st.sees("Logs of all tasks", "following")
			st.seesNot("last words")
		})
	}
}

// What a task printed may have expired, and may be refused; both are said.
func TestLastLinesThatAreNotThere(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 40, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(20 * time.Second)
		st.s.Crash()
		st.wait(2 * time.Second)
		for !strings.Contains(st.m.PageHints(), "l last lines") {
			st.press("down")
		}
		st.press("l")
		st.sees("CloudWatch has no line of task 7f3a")
		st.s.LogPageError = errors.New("could not read the logs: access denied")
		st.open("live")
		st.press("l")
		st.sees("access denied", "not read", "a again")
		st.seesNot("following", "CloudWatch has no line")
		st.s.LogPageError = nil
		st.press("a")
		st.seesNot("access denied")
	})
}

// Beyond the first line that is held the page goes on to older ones, to the beginning of
// the log, and at the other end back to the newest.
func TestLogsBeforeWhatIsHeld(t *testing.T) {
	drive(t, upWithLog(1_300), 120, 40, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(20 * time.Second)
		st.press("h", "g", "up")
		st.wait(time.Second)
		st.sees("old 1299", "paused", "health check") // the first of the new ones stay in sight
		if rows := st.rowsWith("old "); len(rows) != 1 {
			t.Errorf("one line up shows %d older lines:\n%s", len(rows), st.screen())
		}
		for range 40 {
			st.press("g", "up")
			if len(st.rowsWith("There are no older lines")) > 0 {
				break
			}
			st.wait(time.Second)
		}
		st.sees("old 0000", "There are no older lines", "from ")
		last := -1
		for range 300 { // down again no line is missing
			for _, r := range st.rowsWith("old ") {
				var n int
				_, text, _ := strings.Cut(r, "old ")
				fmt.Sscan(strings.TrimLeft(text[:4], "0")+" ", &n)
				if n > last+1 {
					t.Fatalf("after line %d comes %d", last, n)
				}
				last = max(last, n)
			}
			st.press("pgdown")
			st.wait(100 * time.Millisecond)
			if len(st.rowsWith("following")) > 0 {
				break
			}
		}
		if st.sees("following"); last != 1_299 {
			t.Errorf("the last was %d", last)
		}
	})
}

// The lines since a time are read from it on.
func TestLogsSince(t *testing.T) {
	drive(t, upWithLog(1_300), 120, 40, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(5 * time.Second)
		st.press("T", "tea time", "enter")
		st.sees("is no time")
		st.press("T", "125m", "enter") // 5 min before the last
		st.wait(time.Second)
		st.sees("old 1006", "paused", "from 31 Dec 21:55:06 to 21:59:59")
		st.seesNot("old 1005")
		st.press("/", "1099", "enter")
		st.sees("1 of ")
		st.press("esc", "up")
		st.wait(time.Second)
		st.sees("old 1005")
		st.press("T", "1m", "enter")
		st.wait(time.Second)
		st.sees("There is no line since")
		st.press("esc")
		st.sees("following")
	})
}

// While reading fails nothing is lost, and it says so.
func TestOlderLinesRefused(t *testing.T) {
	drive(t, upWithLog(10), 120, 40, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(5 * time.Second)
		st.s.LogPageError = errors.New("could not read the logs: access denied")
		st.press("g", "up")
		st.sees("Older lines: could not read the logs: access denied", "following")
		st.s.LogPageError = nil
		st.press("up")
		st.wait(time.Second)
		st.sees("old 0009")
	})
}

// What is hidden is not announced as new.
func TestPausedCountsWhatIsShown(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(30 * time.Second)
		st.press("up")
		st.wait(10 * time.Second)
		st.s.Say("seen", `{"msg":"asked","uri":"/healthz","user-agent":"ELB-HealthChecker/2.0"}`)
		st.wait(time.Second)
		st.press("/", "seen", "enter")
		st.sees("paused, 1 new")
	})
}
