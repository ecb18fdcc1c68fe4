package picture

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/iterm2"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/ansi/sixel"
	"golang.org/x/image/draw"
)

// kittySend returns the sequences that give the terminal a picture to stand where
// its placeholders are. The file goes as it is: the package's own encoder would
// compress every pixel of it again.
func kittySend(id, cols, rows int, png []byte) []string {
	o := kitty.Options{
		Action: kitty.TransmitAndPut, Format: kitty.PNG, ID: id, Quiet: 2,
		Columns: cols, Rows: rows, VirtualPlacement: true,
	}
	return kittyChunks(o, png)
}

func kittyChunks(o kitty.Options, png []byte) []string {
	data := base64.StdEncoding.AppendEncode(nil, png)
	first := o.Options()
	var out []string
	for len(data) > 0 {
		chunk := data[:min(len(data), kitty.MaxChunkSize)]
		data = data[len(chunk):]
		opts := []string{"q=2"}
		if out == nil {
			opts = first
		}
		more := "m=0"
		if len(data) > 0 {
			more = "m=1"
		}
		out = append(out, ansi.KittyGraphics(chunk, append(opts, more)...))
	}
	return out
}

// kittyLines is the text that the terminal puts the picture in place of. Every
// cell says which piece it is: cut and drawn in parts, it stays right.
func kittyLines(id, cols, rows int) []string {
	lines := make([]string, rows)
	block := kitty.Diacritic(id >> 24)
	for y := range lines {
		var b strings.Builder
		b.WriteString("\x1b[38;5;" + strconv.Itoa(id&255) + "m")
		for x := range cols {
			b.WriteRune(kitty.Placeholder)
			b.WriteRune(kitty.Diacritic(y))
			b.WriteRune(kitty.Diacritic(x))
			b.WriteRune(block)
		}
		b.WriteString(ansi.ResetStyle)
		lines[y] = b.String()
	}
	return lines
}

// kittyDelete takes a picture from the screen and out of the terminal's memory.
func kittyDelete(id int) string {
	o := kitty.Options{Action: kitty.Delete, Delete: kitty.DeleteID, DeleteResources: true, ID: id, Quiet: 2}
	return ansi.KittyGraphics(nil, o.Options()...)
}

// paint returns what paints a picture at the cursor.
func paint(p Protocol, files fs.FS, path string, id, cols, rows int, cell image.Point, l limits) (string, error) {
	switch p {
	case Kitty:
		png, err := read(files, path)
		if err != nil {
			return "", err
		}
		o := kitty.Options{
			Action: kitty.TransmitAndPut, Format: kitty.PNG, ID: id, Quiet: 2,
			Columns: cols, Rows: rows, DoNotMoveCursor: true,
		}
		return strings.Join(kittyChunks(o, png), ""), nil
	case ITerm2:
		png, err := read(files, path)
		if err != nil {
			return "", err
		}
		return ansi.ITerm2(iterm2.File{
			Size: int64(len(png)), Width: iterm2.Cells(cols), Height: iterm2.Cells(rows), Inline: true,
			Content: base64.StdEncoding.AppendEncode(nil, png),
		}), nil
	case Sixel:
		src, err := decode(files, path)
		if err != nil {
			return "", err
		}
		size := image.Pt(cols*cell.X, rows*cell.Y)
		if l.size.X > 0 && size.X > l.size.X {
			size = image.Pt(l.size.X, size.Y*l.size.X/size.X)
		}
		if l.size.Y > 0 && size.Y > l.size.Y {
			size = image.Pt(size.X*l.size.Y/size.Y, l.size.Y)
		}
		return sixels(scale(src, max(size.X, 1), max(size.Y, 1)), l.colors)
	}
	return "", fmt.Errorf("a picture as %s is text, and not painted", p)
}

// scale gives a picture a size in pixels, on white as the pictures are drawn for.
func scale(src image.Image, w, h int) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(dst, dst.Bounds(), image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Over, nil)
	return dst
}

// sixels draws a picture with at most so many colours; 0 for as many as sixels have.
func sixels(m *image.RGBA, colors int) (string, error) {
	if colors > 0 && colors < sixel.MaxColors {
		reduce(m, colors)
	}
	var b bytes.Buffer
	if err := (&sixel.Encoder{}).Encode(&b, m); err != nil {
		return "", fmt.Errorf("drawing a picture as sixels: %w", err)
	}
	return ansi.SixelGraphics(0, 1, 0, b.Bytes()), nil
}

// reduce leaves a picture its n most frequent colours, and gives every other one
// the nearest of them: a drawing is mostly a few flat colours, and what is lost is
// the softness of its edges.
func reduce(m *image.RGBA, n int) {
	coarse := func(c color.RGBA) color.RGBA { return color.RGBA{c.R &^ 15, c.G &^ 15, c.B &^ 15, 255} }
	type shade struct {
		of    map[color.RGBA]int
		count int
	}
	shades := map[color.RGBA]*shade{}
	for i := 0; i < len(m.Pix); i += 4 {
		c := color.RGBA{m.Pix[i], m.Pix[i+1], m.Pix[i+2], 255}
		s := shades[coarse(c)]
		if s == nil {
			s = &shade{of: map[color.RGBA]int{}}
			shades[coarse(c)] = s
		}
		s.of[c]++
		s.count++
	}
	most := func(of map[color.RGBA]int) (c color.RGBA) {
		for o, n := range of {
			if d := n - of[c]; d > 0 || d == 0 && light(o) < light(c) {
				c = o
			}
		}
		return c
	}
	all := slices.SortedFunc(maps.Values(shades), func(a, b *shade) int {
		if a.count != b.count {
			return b.count - a.count
		}
		return light(most(a.of)) - light(most(b.of))
	})
	var palette color.Palette
	for _, s := range all[:min(n, len(all))] {
		palette = append(palette, most(s.of))
	}
	nearest := map[color.RGBA]color.RGBA{}
	for i := 0; i < len(m.Pix); i += 4 {
		c := color.RGBA{m.Pix[i], m.Pix[i+1], m.Pix[i+2], 255}
		to, ok := nearest[c]
		if !ok {
			to = palette.Convert(c).(color.RGBA)
			nearest[c] = to
		}
		m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = to.R, to.G, to.B, 255
	}
}
