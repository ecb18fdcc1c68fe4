package page

import "time"

// NoticeKind is how a notice is coloured.
type NoticeKind int

// The kinds of notices.
const (
	Good NoticeKind = iota
	Attention
	Bad
)

// noticeTime is how long a notice stays.
const noticeTime = 6 * time.Second

// Notice is a sentence that is shown in passing, on the line above the keys.
type Notice struct {
	Text  string
	Kind  NoticeKind
	until time.Time
}

// Notices are the notice on the screen and those that wait for it. The zero value
// has none.
type Notices struct {
	now     Notice
	waiting []Notice
}

// Say shows a notice at once.
func (n *Notices) Say(kind NoticeKind, text string, now time.Time) {
	n.now = Notice{text, kind, now.Add(noticeTime)}
}

// SayNext shows a notice when the one on the screen has had its time.
func (n *Notices) SayNext(kind NoticeKind, text string, now time.Time) {
	n.waiting = append(n.waiting, Notice{Text: text, Kind: kind})
	n.Next(now)
}

// Next replaces a notice whose time is over by the next that waits. It reports
// whether there was one.
func (n *Notices) Next(now time.Time) bool {
	if len(n.waiting) == 0 || n.now.Text != "" && now.Before(n.now.until) {
		return false
	}
	n.Say(n.waiting[0].Kind, n.waiting[0].Text, now)
	n.waiting = n.waiting[1:]
	return true
}

// Shown returns the notice on the screen; its Text is empty for none.
func (n *Notices) Shown(now time.Time) Notice {
	if !now.Before(n.now.until) {
		n.now = Notice{}
	}
	return n.now
}

// Left returns for how long the notice on the screen stays; 0 for none.
func (n *Notices) Left(now time.Time) time.Duration {
	if n.now.Text == "" {
		return 0
	}
	return max(0, n.now.until.Sub(now))
}

// Clear removes the notice on the screen.
func (n *Notices) Clear() { n.now = Notice{} }
