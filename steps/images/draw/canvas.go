package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

type point struct{ x, y float64 }

// canvas is a picture that is being drawn, in pixels from the top left.
type canvas struct {
	img                 *image.RGBA
	regular, bold, mono *opentype.Font
	faces               map[string]font.Face
}

func newCanvas(w, h int, background color.Color) (*canvas, error) {
	c := &canvas{img: image.NewRGBA(image.Rect(0, 0, w, h)), faces: map[string]font.Face{}}
	draw.Draw(c.img, c.img.Bounds(), image.NewUniform(background), image.Point{}, draw.Src)
	for _, f := range []struct {
		font **opentype.Font
		ttf  []byte
	}{{&c.regular, goregular.TTF}, {&c.bold, gobold.TTF}, {&c.mono, gomono.TTF}} {
		parsed, err := opentype.Parse(f.ttf)
		if err != nil {
			return nil, fmt.Errorf("reading a font: %w", err)
		}
		*f.font = parsed
	}
	return c, nil
}

// fill paints closed paths with antialiased edges. Paths that run the other way
// round cut holes.
func (c *canvas) fill(col color.Color, paths ...[]point) {
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, p := range paths {
		for _, q := range p {
			lo = point{math.Min(lo.x, q.x), math.Min(lo.y, q.y)}
			hi = point{math.Max(hi.x, q.x), math.Max(hi.y, q.y)}
		}
	}
	x, y := math.Floor(lo.x), math.Floor(lo.y)
	w, h := int(math.Ceil(hi.x)-x), int(math.Ceil(hi.y)-y)
	r := vector.NewRasterizer(w, h)
	for _, p := range paths {
		for i, q := range p {
			if i == 0 {
				r.MoveTo(float32(q.x-x), float32(q.y-y))
			} else {
				r.LineTo(float32(q.x-x), float32(q.y-y))
			}
		}
		r.ClosePath()
	}
	r.Draw(c.img, image.Rect(int(x), int(y), int(x)+w, int(y)+h), image.NewUniform(col), image.Point{})
}

// rounded returns the outline of a box with round corners.
func rounded(x, y, w, h, radius float64) []point {
	radius = math.Min(radius, math.Min(w, h)/2)
	var p []point
	for corner, at := range []point{{x + w - radius, y + radius}, {x + w - radius, y + h - radius}, {x + radius, y + h - radius}, {x + radius, y + radius}} {
		for i := range 13 {
			a := (float64(corner) - 1 + float64(i)/12) * math.Pi / 2
			p = append(p, point{at.x + radius*math.Cos(a), at.y + radius*math.Sin(a)})
		}
	}
	return p
}

func reversed(p []point) []point {
	r := make([]point, len(p))
	for i, q := range p {
		r[len(p)-1-i] = q
	}
	return r
}

// box paints a box with round corners and an edge of the given width.
func (c *canvas) box(x, y, w, h, radius float64, fill, edge color.Color, width float64) {
	if fill != nil {
		c.fill(fill, rounded(x, y, w, h, radius))
	}
	if edge != nil {
		c.fill(edge, rounded(x, y, w, h, radius), reversed(rounded(x+width, y+width, w-2*width, h-2*width, radius-width)))
	}
}

// dashed draws the edge of a box as dashes.
func (c *canvas) dashed(x, y, w, h, radius float64, col color.Color, width float64) {
	outline := rounded(x, y, w, h, radius)
	outline = append(outline, outline[0])
	const on, off = 12, 8
	left, drawing := float64(on), true
	for i := 1; i < len(outline); i++ {
		a, b := outline[i-1], outline[i]
		for {
			d := math.Hypot(b.x-a.x, b.y-a.y)
			if d == 0 {
				break
			}
			n := math.Min(d, left)
			m := point{a.x + (b.x-a.x)*n/d, a.y + (b.y-a.y)*n/d}
			if drawing {
				c.line(col, width, a, m)
			}
			if left -= n; left <= 0 {
				drawing = !drawing
				left = map[bool]float64{true: on, false: off}[drawing]
			}
			a = m
		}
	}
}

// line draws straight pieces from point to point.
func (c *canvas) line(col color.Color, width float64, p ...point) {
	for i := 1; i < len(p); i++ {
		a, b := p[i-1], p[i]
		d := math.Hypot(b.x-a.x, b.y-a.y)
		if d == 0 {
			continue
		}
		nx, ny := -(b.y-a.y)/d*width/2, (b.x-a.x)/d*width/2
		c.fill(col, []point{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}})
		if i > 1 {
			c.circle(col, a.x, a.y, width/2)
		}
	}
}

// arrow draws a line with a head at its end.
func (c *canvas) arrow(col color.Color, width float64, p ...point) {
	a, b := p[len(p)-2], p[len(p)-1]
	d := math.Hypot(b.x-a.x, b.y-a.y)
	ux, uy := (b.x-a.x)/d, (b.y-a.y)/d
	size := 5 * width
	neck := point{b.x - ux*size, b.y - uy*size}
	c.line(col, width, append(append([]point(nil), p[:len(p)-1]...), point{b.x - ux*size*0.8, b.y - uy*size*0.8})...)
	c.fill(col, []point{b, {neck.x - uy*size*0.45, neck.y + ux*size*0.45}, {neck.x + uy*size*0.45, neck.y - ux*size*0.45}})
}

func (c *canvas) circle(col color.Color, x, y, r float64) {
	c.fill(col, rounded(x-r, y-r, 2*r, 2*r, r))
}

func (c *canvas) face(f *opentype.Font, size float64) font.Face {
	key := fmt.Sprintf("%p/%g", f, size)
	if c.faces[key] == nil {
		face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			return nil
		}
		c.faces[key] = face
	}
	return c.faces[key]
}

// align says which part of a text stands at the given x.
type align float64

const (
	left   align = 0
	middle align = 0.5
	right  align = 1
)

// text writes one line with its baseline at y.
func (c *canvas) text(f *opentype.Font, size float64, col color.Color, x, y float64, a align, s string) {
	face := c.face(f, size)
	w := float64(font.MeasureString(face, s)) / 64
	d := font.Drawer{
		Dst: c.img, Src: image.NewUniform(col), Face: face,
		Dot: fixed.Point26_6{X: fixed.Int26_6((x - w*float64(a)) * 64), Y: fixed.Int26_6(y * 64)},
	}
	d.DrawString(s)
}
