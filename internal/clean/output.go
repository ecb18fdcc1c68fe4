package clean

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// JSON returns a JSON text in which whatever a terminal might obey is escaped:
// DEL, C1 controls, and characters that format the text around them. C0 controls
// are escaped by every encoder. The values stay the same, except that invalid
// UTF-8 becomes U+FFFD. It is safe for concurrent use.
func JSON(data []byte) []byte {
	if !bytes.ContainsFunc(data, escaped) {
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/8)
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case !escaped(r):
			out = append(out, data[:n]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		data = data[n:]
	}
	return out
}

// escaped reports what JSON does not let through.
func escaped(r rune) bool {
	return r >= 0x7f && (r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp))
}

// Frame returns a drawn screen without what it may not have: it keeps newlines
// and the escape sequences of style (SGR) and of links (OSC 8), and drops every
// other control, as Text does. It is the last line of defence, after what came
// from outside has gone through Text or Line. It is safe for concurrent use.
func Frame(s string) string {
	var b strings.Builder
	kept := 0 // s up to here is in b
	for i := 0; i < len(s); {
		n, ok := allowed(s[i:])
		if !ok {
			if kept == 0 {
				b.Grow(len(s))
			}
			b.WriteString(s[kept:i])
			if s[i] >= utf8.RuneSelf && n == 1 {
				b.WriteRune(utf8.RuneError)
			}
			kept = i + n
		}
		i += n
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

// allowed measures what s begins with, and reports whether a frame may have it.
func allowed(s string) (n int, ok bool) {
	switch c := s[0]; {
	case c == '\n', c >= 0x20 && c < 0x7f:
		return 1, true
	case c == 0x1b:
		if n := styling(s); n > 0 {
			return n, true
		}
		return 1, false
	case c < utf8.RuneSelf:
		return 1, false
	}
	r, n := utf8.DecodeRuneInString(s)
	return n, (r != utf8.RuneError || n > 1) && !unicode.IsControl(r) && !bidi(r)
}

// styling measures the SGR or OSC 8 sequence that s begins with; 0 where there
// is none.
func styling(s string) int {
	const link = "\x1b]8;"
	if strings.HasPrefix(s, link) {
		for i := len(link); i < len(s); i++ {
			switch c := s[i]; {
			case c == '\a':
				return i + 1
			case c == 0x1b && i+1 < len(s) && s[i+1] == '\\':
				return i + 2
			case c < 0x20, c >= 0x7f: // a URL has neither
				return 0
			}
		}
		return 0
	}
	if len(s) < 3 || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && c != ':' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

// Writer passes plain text on as Text makes it, except that tabs stay: no escape
// sequence and no control character gets through, however it is divided over
// calls of Write. It is safe for concurrent use.
type Writer struct {
	mu   sync.Mutex // guards what follows
	out  io.Writer
	rest []byte // the beginning of a character
}

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes p except for a character at its end that is not complete: that
// waits for the next Write.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data := append(w.rest, p...)
	end := len(data)
	for i := max(0, end-utf8.UTFMax); i < end; i++ {
		if utf8.RuneStart(data[i]) && !utf8.FullRune(data[i:]) {
			end = i
			break
		}
	}
	w.rest = bytes.Clone(data[end:])
	if _, err := io.WriteString(w.out, text(string(data[:end]), "\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteFrame writes s as Frame makes it, with its styles, also where out is a Writer. It is
// as safe for concurrent use as out.
func WriteFrame(out io.Writer, s string) error {
	if w, ok := out.(*Writer); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		out = w.out
	}
	_, err := io.WriteString(out, Frame(s))
	return err
}
