package main

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// TestPicturesAreOfThisSource compares the files with what the source draws, a
// little leniently: floating point differs between processors.
func TestPicturesAreOfThisSource(t *testing.T) {
	for name, draw := range pictures {
		c, err := draw()
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if st, err := f.Stat(); err != nil || st.Size() > 150<<10 {
			t.Errorf("%s has %d bytes (%v), want at most 150 KiB", name, st.Size(), err)
		}
		img, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		want := paletted(c.img)
		if img.Bounds() != want.Bounds() {
			t.Fatalf("%s is %v, want %v: run go generate ./steps", name, img.Bounds(), want.Bounds())
		}
		off, b := 0, img.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				r, g, bl, _ := img.At(x, y).RGBA()
				wr, wg, wb, _ := want.At(x, y).RGBA()
				if far(r, wr) || far(g, wg) || far(bl, wb) {
					off++
				}
			}
		}
		if off > b.Dx()*b.Dy()/1000 {
			t.Errorf("%s differs in %d pixels: run go generate ./steps", name, off)
		}
	}
}

func far(a, b uint32) bool { return max(a, b)-min(a, b) > 0x1000 }
