package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
)

const (
	// linesHeld bounds the log lines that wait for the event loop; a quarter
	// beyond it the oldest are dropped and counted.
	linesHeld = 100_000
	// linesPerMail bounds what one Update takes in, so that a flood never holds
	// up a key press.
	linesPerMail = 8_000
	// linesPause is the least time between two deliveries of lines alone: the
	// eye cannot tell more, and the terminal need not draw it.
	linesPause = 33 * time.Millisecond
)

// mailbox carries what other goroutines say to the event loop, in order. What
// is put always arrives; log lines alone are bounded.
type mailbox struct {
	mu      sync.Mutex
	letters []letter
	lines   []fargate.Line
	lineGen int
	dropped int
	full    chan struct{} // holds one token while there is mail
}

// letter is something said by the job of that generation.
type letter struct {
	gen  int
	what any
}

// mailMsg brings the event loop its mail.
type mailMsg struct {
	letters []letter
	lines   []fargate.Line
	lineGen int
	dropped int // lines lost since the last mail
}

func newMailbox() *mailbox { return &mailbox{full: make(chan struct{}, 1)} }

func (b *mailbox) put(l letter) {
	b.mu.Lock()
	b.letters = append(b.letters, l)
	b.mu.Unlock()
	b.flag()
}

// putLines holds lines of that generation; those of an earlier one are let go.
func (b *mailbox) putLines(gen int, lines []fargate.Line) {
	b.mu.Lock()
	if gen != b.lineGen {
		b.lineGen, b.lines, b.dropped = gen, nil, 0
	}
	b.lines = append(b.lines, lines...)
	if over := len(b.lines) - linesHeld; over > linesHeld/4 { // seldom, for it copies
		b.lines = append([]fargate.Line(nil), b.lines[over:]...)
		b.dropped += over
	}
	b.mu.Unlock()
	b.flag()
}

func (b *mailbox) flag() {
	select {
	case b.full <- struct{}{}:
	default:
	}
}

// wait is the command that brings the next mail. There is one at a time. Lines
// alone wait for the end of the pause since the last mail; letters never do.
func (b *mailbox) wait(ctx context.Context, last time.Time) tea.Cmd {
	return func() tea.Msg {
		var pause <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-b.full:
				if left := linesPause - time.Since(last); left > 0 && b.onlyLines() {
					if pause == nil {
						pause = time.After(left)
					}
					continue
				}
			case <-pause:
			}
			if m, any := b.take(); any {
				return m
			}
		}
	}
}

func (b *mailbox) onlyLines() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.letters) == 0
}

func (b *mailbox) take() (m mailMsg, any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m = mailMsg{letters: b.letters, lines: b.lines, lineGen: b.lineGen, dropped: b.dropped}
	b.letters, b.lines, b.dropped = nil, nil, 0
	if len(m.lines) > linesPerMail {
		b.lines = m.lines[linesPerMail:]
		m.lines = m.lines[:linesPerMail:linesPerMail]
		b.flag()
	}
	return m, len(m.letters)+len(m.lines) > 0
}

// jobs runs what blocks, each job in a goroutine of its own, and brings what it
// says to its handler in the event loop. Its methods belong to the event loop,
// except wait.
type jobs struct {
	ctx     context.Context
	box     *mailbox
	wg      sync.WaitGroup
	gen     int
	running map[int]job
}

type job struct {
	cancel context.CancelFunc
	handle func(any) tea.Cmd
}

// ended is the last that a job says.
type ended struct {
	value any
	err   error
}

// work may block; say brings something to the handler.
type work func(ctx context.Context, gen int, say func(any)) (any, error)

func newJobs(ctx context.Context) *jobs {
	return &jobs{ctx: ctx, box: newMailbox(), running: map[int]job{}}
}

// start runs w and returns its generation. The handler gets everything that w
// says and at last an ended, unless the job is dropped before.
func (j *jobs) start(w work, handle func(any) tea.Cmd) int {
	j.gen++
	gen := j.gen
	ctx, cancel := context.WithCancel(j.ctx)
	j.running[gen] = job{cancel, handle}
	j.wg.Go(func() {
		defer cancel()
		v, err := w(ctx, gen, func(what any) { j.box.put(letter{gen, what}) })
		j.box.put(letter{gen, ended{v, err}})
	})
	return gen
}

// drop cancels a job; whatever it still says is stale and goes unheard.
func (j *jobs) drop(gen int) {
	if job, ok := j.running[gen]; ok {
		job.cancel()
		delete(j.running, gen)
	}
}

// alive reports whether the job of that generation has neither ended nor been dropped.
func (j *jobs) alive(gen int) bool {
	_, ok := j.running[gen]
	return ok
}

func (j *jobs) deliver(l letter) tea.Cmd {
	job, ok := j.running[l.gen]
	if !ok {
		return nil
	}
	if _, last := l.what.(ended); last {
		delete(j.running, l.gen)
	}
	return job.handle(l.what)
}
