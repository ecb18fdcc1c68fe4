package model

import (
	"bytes"
	"testing"
)

// BenchmarkRead has what a sandbox's first request waits for.
func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		if _, err := Read(bytes.NewReader(packed)); err != nil {
			b.Fatal(err)
		}
	}
}
