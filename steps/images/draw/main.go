// Draw makes the pictures that the steps show: architecture and what Fargate
// takes off one's hands. go generate ./steps runs it.
package main

import (
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", ".", "folder to write the pictures to")
	flag.Parse()
	for name, picture := range pictures {
		if err := write(filepath.Join(*out, name), picture); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// pictures are the files and what draws them.
var pictures = map[string]func() (*canvas, error){
	"Architecture.png": architecture,
	"Fargate.png":      fargate,
}

func write(file string, picture func() (*canvas, error)) error {
	c, err := picture()
	if err != nil {
		return fmt.Errorf("drawing %s: %w", file, err)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(f, paletted(c.img)); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return f.Close()
}

// paletted reduces a picture to its 256 most used colours, which for flat
// drawings cannot be seen and makes a third of the bytes.
func paletted(img *image.RGBA) *image.Paletted {
	count := map[color.RGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[img.RGBAAt(x, y)]++
		}
	}
	var p color.Palette
	for len(p) < 256 && len(count) > 0 {
		var most color.RGBA
		n := 0
		for c, k := range count {
			if k > n || k == n && less(c, most) {
				most, n = c, k
			}
		}
		p = append(p, most)
		delete(count, most)
	}
	out := image.NewPaletted(b, p)
	draw.Draw(out, b, img, b.Min, draw.Src)
	return out
}

// less orders colours, so that the same picture gives the same file.
func less(a, b color.RGBA) bool {
	if a.R != b.R {
		return a.R < b.R
	}
	if a.G != b.G {
		return a.G < b.G
	}
	return a.B < b.B
}
