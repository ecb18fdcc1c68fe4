package main

import (
	"bytes"
	"os"
	"testing"
)

// TestFresh holds the embedded data against the extracted models.
func TestFresh(t *testing.T) {
	from, err := os.ReadFile("../../conformance/testdata/models.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	want, err := reduce(from)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("../model.json.gz"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("model.json.gz is not what the extracted models make: go run ./internal/sandbox/model/reduce internal/sandbox/conformance/testdata/models.json.gz internal/sandbox/model/model.json.gz (%v)", err)
	}
}
