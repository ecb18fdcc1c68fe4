package reader

import (
	"fmt"
	"image"
	"image/color"
	_ "image/png" // pictures are PNG files
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/image/draw"

	"workshop/internal/lesson"
)

const (
	maxPictureRows = 20
	// maxPixels keeps a file that claims to be huge from being decoded.
	maxPixels = 32 << 20
)

// picture is one picture at one size.
type picture struct {
	key, path  string
	cols, rows int
	lines      []string // drawn rows, nil until then
	err        error
	loading    bool
}

// pictureMsg brings a picture to the reader that asked for it.
type pictureMsg struct {
	reader *Reader
	key    string
	lines  []string
	err    error
}

// picture sets a picture as blocks of colour with its description below, or as
// its description alone where the terminal cannot show it.
func (s *setter) picture(b *lesson.Block, width int) []line {
	alt := lesson.Text(b.Text)
	p := s.r.ask(b.Source, width)
	if p == nil || p.err != nil {
		return s.wrap([]lesson.Span{{Text: "[picture: " + alt + "]"}}, width, look{role: dim, italic: true})
	}
	var out []line
	for i := range p.rows {
		l := line{width: p.cols}
		if p.lines != nil {
			l.ready = p.lines[i]
		} else {
			l.segs = []seg{blank(p.cols)}
		}
		out = append(out, l)
	}
	return append(out, s.wrap([]lesson.Span{{Text: alt}}, width, look{role: dim, italic: true})...)
}

// ask returns the picture at the size that fits the width, nil where it cannot
// be shown. Its size is known at once, so that the text below does not move
// when it comes.
func (r *Reader) ask(path string, width int) *picture {
	if r.images == nil || !r.theme.Unicode || r.colors < colorprofile.ANSI256 || strings.Contains(path, "://") {
		return nil
	}
	key := path + "@" + strconv.Itoa(width)
	p, ok := r.pictures[key]
	if !ok {
		p = &picture{key: key, path: path}
		p.cols, p.rows, p.err = r.measure(path, width)
		r.pictures[key] = p
	}
	if p.err == nil && p.lines == nil && !p.loading {
		r.asked = append(r.asked, p)
	}
	return p
}

func (r *Reader) measure(path string, width int) (cols, rows int, err error) {
	f, err := r.images.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return 0, 0, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return 0, 0, fmt.Errorf("%s: a picture of %d by %d pixels is too large", path, c.Width, c.Height)
	}
	// A cell is about twice as high as it is wide.
	cols = width
	rows = (cols*c.Height + c.Width) / (2 * c.Width)
	if rows > maxPictureRows {
		rows = maxPictureRows
		cols = min(width, 2*rows*c.Width/c.Height)
	}
	return max(cols, 1), max(rows, 1), nil
}

// load returns the command that reads, scales and draws the picture.
func (p *picture) load(r *Reader) tea.Cmd {
	images, key, path, cols, rows := r.images, p.key, p.path, p.cols, p.rows
	return func() tea.Msg {
		m := pictureMsg{reader: r, key: key}
		f, err := images.Open(path)
		if err != nil {
			m.err = err
			return m
		}
		defer f.Close()
		src, _, err := image.Decode(f)
		if err != nil {
			m.err = err
			return m
		}
		m.lines = mosaic(src, cols, rows)
		return m
	}
}

// took puts a picture that was drawn into the text.
func (r *Reader) took(m pictureMsg) {
	p := r.pictures[m.key]
	if m.reader != r || p == nil {
		return
	}
	p.loading, p.lines, p.err = false, m.lines, m.err
	r.keep()
	r.all()
	r.layout()
}

// quadrants are the characters that fill quarters of a cell: bit 0 is the upper
// left, 1 the upper right, 2 the lower left, 3 the lower right.
var quadrants = [16]rune{' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'}

// mosaic draws a picture with two colours a cell and the quarter-block that
// comes closest: twice the detail across that half-blocks give.
func mosaic(src image.Image, cols, rows int) []string {
	dst := shrink(src, 2*cols, 2*rows)
	lines := make([]string, rows)
	for y := range rows {
		var b strings.Builder
		var was [2]color.RGBA
		begun := false
		for x := range cols {
			px := [4]color.RGBA{
				dst.RGBAAt(2*x, 2*y), dst.RGBAAt(2*x+1, 2*y), dst.RGBAAt(2*x, 2*y+1), dst.RGBAAt(2*x+1, 2*y+1),
			}
			fg, bg, mask := split(px)
			if mask == 0 {
				fg = was[0] // nothing is drawn with it
			}
			if !begun || fg != was[0] {
				fmt.Fprintf(&b, "\x1b[38;2;%d;%d;%dm", fg.R, fg.G, fg.B)
			}
			if !begun || bg != was[1] {
				fmt.Fprintf(&b, "\x1b[48;2;%d;%d;%dm", bg.R, bg.G, bg.B)
			}
			b.WriteRune(quadrants[mask])
			was, begun = [2]color.RGBA{fg, bg}, true
		}
		b.WriteString("\x1b[m")
		lines[y] = b.String()
	}
	return lines
}

// split divides four pixels into two groups with the least error, and returns
// the groups' colours and the mask of those in the foreground.
func split(px [4]color.RGBA) (fg, bg color.RGBA, mask int) {
	best := -1
	for m := range 8 { // the other eight are these with the colours swapped
		f, ferr := mean(px, m)
		g, gerr := mean(px, 15&^m)
		if e := ferr + gerr; best < 0 || e < best {
			best, fg, bg, mask = e, f, g, m
		}
	}
	return fg, bg, mask
}

// mean returns the mean colour of the pixels in mask and their squared distance
// from it.
func mean(px [4]color.RGBA, mask int) (c color.RGBA, err int) {
	var r, g, b, n int
	for i, p := range px {
		if mask>>i&1 == 1 {
			r, g, b, n = r+int(p.R), g+int(p.G), b+int(p.B), n+1
		}
	}
	if n == 0 {
		return color.RGBA{}, 0
	}
	r, g, b = r/n, g/n, b/n
	for i, p := range px {
		if mask>>i&1 == 1 {
			dr, dg, db := int(p.R)-r, int(p.G)-g, int(p.B)-b
			err += dr*dr + dg*dg + db*db
		}
	}
	return color.RGBA{uint8(r), uint8(g), uint8(b), 255}, err
}

// samples is how many pixels along each side a shrunk pixel is made of.
const samples = 4

// shrink scales a picture down so that lines stay lines: where a few of a
// pixel's samples are darker than the rest, they count as much as all of them.
// A plain mean lets the edges of a drawing fade into its background.
func shrink(src image.Image, w, h int) *image.RGBA {
	fine := image.NewRGBA(image.Rect(0, 0, w*samples, h*samples))
	draw.Draw(fine, fine.Bounds(), image.White, image.Point{}, draw.Src)
	draw.BiLinear.Scale(fine, fine.Bounds(), src, src.Bounds(), draw.Over, nil)
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	var px [samples * samples]color.RGBA
	for y := range h {
		for x := range w {
			for i := range px {
				px[i] = fine.RGBAAt(x*samples+i%samples, y*samples+i/samples)
			}
			slices.SortFunc(px[:], func(a, b color.RGBA) int { return light(a) - light(b) })
			dark, all := average(px[:samples]), average(px[:])
			dst.SetRGBA(x, y, average([]color.RGBA{dark, all}))
		}
	}
	return dst
}

// light is how bright a colour looks, times a thousand.
func light(c color.RGBA) int { return 299*int(c.R) + 587*int(c.G) + 114*int(c.B) }

func average(px []color.RGBA) color.RGBA {
	var r, g, b int
	for _, p := range px {
		r, g, b = r+int(p.R), g+int(p.G), b+int(p.B)
	}
	n := len(px)
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}
