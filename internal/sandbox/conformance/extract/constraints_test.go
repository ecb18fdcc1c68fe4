package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"testing"

	"workshop/internal/sandbox/wire/constraint"
)

// The constraints in the program are those of the models in testdata.
func TestConstraintsAreCurrent(t *testing.T) {
	f, err := os.Open("../testdata/models.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzip := func(r io.Reader) []byte {
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var models struct{ Services map[string]map[string]any }
	if err := json.Unmarshal(unzip(f), &models); err != nil {
		t.Fatal(err)
	}
	want := map[string]*constraint.Model{}
	for name, m := range models.Services {
		if unchecked[name] == "" {
			want[name] = constraints(m)
		}
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), unzip(bytes.NewReader(constraint.Data))) {
		t.Error("wire/constraint/models.json.gz is stale: go generate ./internal/sandbox/conformance")
	}
}
