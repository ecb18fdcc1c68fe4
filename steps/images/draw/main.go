// Draw makes the pictures that the steps show: architecture and what Fargate
// takes off one's hands. go generate ./steps runs it.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var p color.Palette
	for _, c := range colors[:min(256, len(colors))] {
		p = append(p, c)
	}
	index := map[color.RGBA]uint8{}
	for _, c := range colors {
		index[c] = uint8(p.Index(c))
	}
	out := image.NewPaletted(b, p)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.SetColorIndex(x, y, index[img.RGBAAt(x, y)])
		}
	}
	return out
}
