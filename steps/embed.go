// Package steps is the workshop as content: one Markdown file a step, the
// pictures that the steps show, and workshop.yaml, which puts them in order.
package steps

import "embed"

// Files holds the steps as internal/lesson reads them. It is safe for
// concurrent use.
//
//go:generate go run ./images/draw -out images
//go:embed workshop.yaml *.md images/*.png
var Files embed.FS
