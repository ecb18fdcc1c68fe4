package picture

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"

	"golang.org/x/image/draw"
)

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
