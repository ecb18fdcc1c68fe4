package picture

import (
	"image"
	"image/color"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"workshop/steps"
)

func TestMosaicFindsEdges(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			c := color.RGBA{255, 255, 255, 255}
			if x < 16 && y < 32 {
				c = color.RGBA{0, 0, 0, 255}
			}
			img.Set(x, y, c)
		}
	}
	got := ansi.Strip(mosaic(img, 2, 2)[0])
	if got != "▌ " {
		t.Errorf("a black upper left quarter is drawn as %q", got)
	}
}

func BenchmarkBlocks(b *testing.B) {
	show := new(Terminal).Show(steps.Files, "images/Architecture.png", 80, 20)
	for b.Loop() {
		if _, err := show(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSixels(b *testing.B) {
	for b.Loop() {
		if _, err := paint(Sixel, steps.Files, "images/Architecture.png", 0, 100, 30, usual, limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
