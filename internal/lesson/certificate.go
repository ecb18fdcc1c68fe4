package lesson

import (
	"fmt"
	"io"
	"strings"
	"time"

	"workshop/internal/clean"
)

// Certificate is what somebody did in a course.
type Certificate struct {
	Course string
	Name   string // whose it is; may be empty
	Place  string // where it was done, in words
	Date   time.Time
	Steps  []Done
}

// Done is one step of a Certificate.
type Done struct {
	Title    string
	Done     bool
	At       time.Time     // when it was done; zero where unknown
	Took     time.Duration // from its first sight until then; 0 where unknown
	Estimate Estimate
	Checks   int // that passed
	Of       int // checks there are
}

// CertificateMark is in everything that a Certificate writes, so that an older
// one can be told from other files.
const CertificateMark = "<!-- workshop certificate -->"

// Complete reports whether every step was done.
func (c *Certificate) Complete() bool {
	for _, s := range c.Steps {
		if !s.Done {
			return false
		}
	}
	return len(c.Steps) > 0
}

func (c *Certificate) title() string {
	if c.Complete() {
		return "Certificate of completion"
	}
	return "Progress so far"
}

func (c *Certificate) counts() (done, checks, of int, took time.Duration) {
	for _, s := range c.Steps {
		if s.Done {
			done++
		}
		checks += s.Checks
		of += s.Of
		took += s.Took
	}
	return done, checks, of, took
}

// summary is what was done, in a line.
func (c *Certificate) summary() string {
	done, checks, of, took := c.counts()
	s := fmt.Sprintf("%d of %d steps", done, len(c.Steps))
	if of > 0 {
		s += fmt.Sprintf(", %d of %d checks passed", checks, of)
	}
	if took > 0 {
		s += ", " + minutes(took)
	}
	return s
}

// line is what is said of a step, and what comes after its title.
func (d Done) line() (title, rest string) {
	title = clean.Line(d.Title)
	if !d.Done {
		return title, "not yet"
	}
	var parts []string
	if !d.At.IsZero() {
		parts = append(parts, d.At.Local().Format("2 January 2006"))
	}
	if d.Took > 0 {
		parts = append(parts, minutes(d.Took))
	}
	if len(parts) == 0 {
		return title, "done"
	}
	return title, strings.Join(parts, ", ")
}

func minutes(d time.Duration) string {
	switch m := int(d.Round(time.Minute) / time.Minute); {
	case m < 1:
		return "under a minute"
	case m < 60:
		return fmt.Sprintf("%d min", m)
	default:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	}
}

// Markdown writes the certificate as a Markdown file.
func (c *Certificate) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n**%s**\n\n", c.title(), CertificateMark, escape(c.Course))
	if c.Name != "" {
		fmt.Fprintf(&b, "%s\n\n", escape(c.Name))
	}
	fmt.Fprintf(&b, "%s, %s. %s.\n\n", c.Date.Local().Format("2 January 2006"), escape(c.Place), c.summary())
	b.WriteString("| Step | Done | Estimate | Checks |\n|---|---|---|---|\n")
	for _, s := range c.Steps {
		title, rest := s.line()
		checks := ""
		if s.Of > 0 {
			checks = fmt.Sprintf("%d of %d", s.Checks, s.Of)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", escape(title), rest, s.Estimate, checks)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// escape keeps text from being Markdown.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`).Replace(clean.Line(s))
}

// SVG writes the certificate as a drawing of its own: it asks for no font or
// file from elsewhere, and reads on a light and on a dark page.
func (c *Certificate) SVG(w io.Writer) error {
	const width, left, top, row = 800, 60, 200, 34
	height := top + row*len(c.Steps) + 70
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n", width, height, width, height, xml(c.title()+": "+c.Course+". "+c.summary()))
	b.WriteString(CertificateMark + "\n")
	b.WriteString(`<style>text{font-family:system-ui,sans-serif;fill:#1d2733}.dim{fill:#5c6b7a}.good{fill:#1f7a4d}</style>` + "\n")
	fmt.Fprintf(&b, `<rect x="1" y="1" width="%d" height="%d" rx="14" fill="#fbfcfd" stroke="#34577c" stroke-width="2"/>`+"\n", width-2, height-2)
	line := func(x, y, size int, class, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="%d" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, size, class, anchor, xml(s))
	}
	line(left, 70, 18, "dim", "start", c.title())
	line(left, 108, 28, "", "start", shorten(c.Course, 48))
	if c.Name != "" {
		line(left, 142, 20, "", "start", shorten(c.Name, 60))
	}
	line(left, 168, 14, "dim", "start", shorten(c.Date.Local().Format("2 January 2006")+", "+c.Place+". "+c.summary()+".", 96))
	for i, s := range c.Steps {
		y := top + row*i + 22
		title, rest := s.line()
		if s.Done {
			fmt.Fprintf(&b, `<path d="M%d %d l6 6 l11 -13" fill="none" stroke="#1f7a4d" stroke-width="3"/>`+"\n", left, y-6)
		} else {
			fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="4" fill="none" stroke="#5c6b7a" stroke-width="2"/>`+"\n", left+8, y-6)
		}
		line(left+32, y, 17, "", "start", shorten(title, 44))
		line(width-left, y, 14, "dim", "end", rest)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func shorten(s string, n int) string {
	if r := []rune(clean.Line(s)); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return clean.Line(s)
}

func xml(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(clean.Line(s))
}

// PlainText is inline text with its styles in words and signs: code in
// backticks, links with their target.
func PlainText(spans []Span) string { return Text(marked(spans)) }
