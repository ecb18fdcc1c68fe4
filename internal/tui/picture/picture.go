// Package picture shows pictures in a terminal: as the pixels that they are,
// where the terminal has a way to be sent them, and as blocks of colour elsewhere.
//
// Kitty's Unicode placeholders are text: a picture made of them scrolls, is
// clipped and drawn again like any other text. Whatever else a terminal offers
// paints at the cursor, over the text and without its knowing. A screen that
// scrolls by moving lines would leave pieces of such a picture behind, so it is
// only for a place of its own that stands still; see Terminal.Paint.
package picture

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png" // pictures are PNG files
	"io/fs"
)

// Protocol is a way to show a picture.
type Protocol int

const (
	Blocks Protocol = iota // blocks of colour, in any terminal that has 256 of them
	None                   // not at all: its description stands for it
	Kitty                  // Kitty's graphics protocol
	ITerm2                 // iTerm2's inline images
	Sixel
)

var names = [...]string{Blocks: "blocks", None: "none", Kitty: "kitty", ITerm2: "iterm2", Sixel: "sixel"}

func (p Protocol) String() string { return names[p] }

// Parse returns the protocol of that name.
func Parse(name string) (Protocol, error) {
	for p, n := range names {
		if n == name {
			return Protocol(p), nil
		}
	}
	return None, fmt.Errorf("%q is no way to show pictures: use kitty, iterm2, sixel, blocks or none", name)
}

// maxPixels keeps a file that claims to be huge from being decoded.
const maxPixels = 32 << 20

// Size returns the size of a picture in pixels; it reads the file's head alone.
func Size(files fs.FS, path string) (image.Point, error) {
	f, err := files.Open(path)
	if err != nil {
		return image.Point{}, err
	}
	defer f.Close()
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return image.Point{}, fmt.Errorf("reading the picture %s: %w", path, err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return image.Point{}, fmt.Errorf("%s: a picture of %d by %d pixels is too large", path, c.Width, c.Height)
	}
	return image.Pt(c.Width, c.Height), nil
}

// read returns a picture as it stands in its file.
func read(files fs.FS, path string) ([]byte, error) {
	if _, err := Size(files, path); err != nil {
		return nil, err
	}
	return fs.ReadFile(files, path)
}

func decode(files fs.FS, path string) (image.Image, error) {
	data, err := read(files, path)
	if err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading the picture %s: %w", path, err)
	}
	return m, nil
}
