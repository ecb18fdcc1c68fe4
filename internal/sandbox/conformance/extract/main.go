// Extract writes what botocore's service models say of the operations that the
// sandbox has: shapes, members, types, constraints, errors; and how each of AWS's
// services is called and asked.
// It needs python3 with botocore, whose version it notes.
//
//	go generate ./internal/sandbox/conformance
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"workshop/internal/sandbox"
)

// folders are botocore's names of services where they are not the ones that
// requests are signed for.
var folders = map[string]string{
	"elasticloadbalancing": "elbv2",
	"monitoring":           "cloudwatch",
	"servicequotas":        "service-quotas",
	"tagging":              "resourcegroupstaggingapi",
}

// Of each part of a model these are kept: what is on the wire, no prose.
var (
	metadataKeys  = []string{"apiVersion", "protocol", "protocols", "targetPrefix", "jsonVersion", "serviceId", "signatureVersion", "xmlNamespace"}
	directoryKeys = []string{"apiVersion", "endpointPrefix", "jsonVersion", "protocol", "serviceAbbreviation", "serviceFullName", "serviceId", "signingName", "targetPrefix"}
	operationKeys = []string{"http", "input", "output", "errors", "endpoint"}
	shapeKeys     = []string{"type", "members", "member", "key", "value", "required", "enum", "min", "max", "pattern", "flattened", "locationName", "timestampFormat", "error", "exception", "eventstream", "event", "union"}
	refKeys       = []string{"shape", "location", "locationName", "queryName", "flattened", "resultWrapper", "timestampFormat", "eventpayload", "eventheader"}
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: extract FILE.json.gz")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func run(to string) error {
	have, err := operations()
	if err != nil {
		return err
	}
	out, err := exec.Command("python3", "-c", "import botocore; print(botocore.__version__); print(botocore.__path__[0])").Output()
	if err != nil {
		return fmt.Errorf("looking for botocore with python3: %w", err)
	}
	version, path, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	services := map[string]any{}
	for name, ops := range have {
		folder := name
		if f, ok := folders[name]; ok {
			folder = f
		}
		m, err := read(filepath.Join(path, "data", folder))
		if err != nil {
			return err
		}
		model, err := cut(m, ops)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if keys := attributeKeys(m); len(keys) > 0 {
			model["attributeKeys"] = keys
		}
		services[name] = model
	}
	directory, err := directory(filepath.Join(path, "data"))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	e := json.NewEncoder(z)
	if err := e.Encode(map[string]any{"source": "botocore " + version, "services": services, "directory": directory}); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// operations asks a sandbox what it has.
func operations() (map[string][]string, error) {
	dir, err := os.MkdirTemp("", "extract")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := sandbox.Start(context.Background(), sandbox.Options{Dir: dir, Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return s.Operations(), s.Close()
}

// directory returns the metadata of all services that botocore knows.
func directory(data string) ([]map[string]any, error) {
	folders, err := fs.Glob(os.DirFS(data), "*/*/service-2.json.gz")
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, f := range folders {
		name, _, _ := strings.Cut(f, "/")
		if n := len(out); n > 0 && out[n-1]["folder"] == name {
			continue // another version of the same
		}
		m, err := read(filepath.Join(data, name))
		if err != nil {
			return nil, err
		}
		entry := pick(m["metadata"].(map[string]any), directoryKeys)
		entry["folder"] = name
		out = append(out, entry)
	}
	return out, nil
}

// read opens the newest version of a service's model.
func read(folder string) (map[string]any, error) {
	files, err := fs.Glob(os.DirFS(folder), "*/service-2.json.gz")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no service-2.json.gz in %s", folder)
	}
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(slices.Max(files))))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(b, &m)
}

// cut keeps the operations of a model and all shapes that they reach.
func cut(m map[string]any, ops []string) (map[string]any, error) {
	all, shapes := m["operations"].(map[string]any), m["shapes"].(map[string]any)
	operations, kept := map[string]any{}, map[string]any{}
	var keep func(ref any) any
	keep = func(ref any) any {
		r := pick(ref.(map[string]any), refKeys)
		name := r["shape"].(string)
		if kept[name] != nil {
			return r
		}
		s := pick(shapes[name].(map[string]any), shapeKeys)
		kept[name] = s
		for _, k := range []string{"member", "key", "value"} {
			if s[k] != nil {
				s[k] = keep(s[k])
			}
		}
		if members, ok := s["members"].(map[string]any); ok {
			out := map[string]any{}
			for k, v := range members {
				out[k] = keep(v)
			}
			s["members"] = out
		}
		return r
	}
	for _, name := range ops {
		whole, ok := all[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("AWS has no operation %s", name)
		}
		op := pick(whole, operationKeys)
		for _, k := range []string{"input", "output"} {
			if op[k] != nil {
				op[k] = keep(op[k])
			}
		}
		if errs, ok := op["errors"].([]any); ok {
			out := make([]any, len(errs))
			for i := range errs {
				out[i] = keep(errs[i])
			}
			op["errors"] = out
		}
		operations[name] = op
	}
	return map[string]any{"metadata": pick(m["metadata"].(map[string]any), metadataKeys), "operations": operations, "shapes": kept}, nil
}

// listed is a key at the head of an entry of a list in the documentation.
var listed = regexp.MustCompile(`<li>\s*<p>\s*<code>([a-z0-9_]+\.[a-z0-9_.]+)</code>`)

// attributeKeys returns the keys that the documentation of ELB's attributes lists, by
// shape: they are strings to the model.
func attributeKeys(m map[string]any) map[string][]string {
	out := map[string][]string{}
	for name, s := range m["shapes"].(map[string]any) {
		members, _ := s.(map[string]any)["members"].(map[string]any)
		key, _ := members["Key"].(map[string]any)
		if doc, _ := key["documentation"].(string); strings.HasSuffix(name, "Attribute") {
			for _, found := range listed.FindAllStringSubmatch(doc, -1) {
				out[name] = append(out[name], found[1])
			}
		}
	}
	return out
}

func pick(m map[string]any, keys []string) map[string]any {
	out := map[string]any{}
	for _, k := range keys {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	return out
}
