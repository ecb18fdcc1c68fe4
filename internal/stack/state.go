package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"workshop/internal/clean"
)

// maxState bounds a state file that is read, in bytes; the workshop's has about
// a hundred thousand.
const maxState = 64 << 20

// Resource is one resource in the state.
type Resource struct {
	Address string `json:"address"`
	Type    string `json:"resource_type"`
	ID      string `json:"id"` // what AWS calls it
	Group   Group  `json:"group"`
	Title   string `json:"title"`
	// Tainted: it was left half-made, and the next apply replaces it.
	Tainted bool `json:"tainted,omitempty"`
	// Values are its attributes. They may hold secrets: never print them.
	Values map[string]any `json:"-"`
}

// stateVersion is the version of the state's format since Terraform 0.12.
const stateVersion = 4

// stateFile is version 4 of Terraform's state, as far as it is needed here.
// Reading it takes a millisecond; `terraform show` takes two seconds, because
// it starts the provider for its schema.
type stateFile struct {
	Version int    `json:"version"`
	Serial  uint64 `json:"serial"`
	Lineage string `json:"lineage"`
	Outputs map[string]struct {
		Value     json.RawMessage `json:"value"`
		Sensitive bool            `json:"sensitive"`
	} `json:"outputs"`
	Resources []stateResource `json:"resources"`
}

type stateResource struct {
	Module    string `json:"module"`
	Mode      string `json:"mode"`
	Type      string `json:"type"`
	Name      string `json:"name"`
	Provider  string `json:"provider"` // such as provider["registry.terraform.io/hashicorp/aws"]
	Instances []struct {
		Key        json.RawMessage `json:"index_key"`
		Status     string          `json:"status"`
		Attributes map[string]any  `json:"attributes"`
	} `json:"instances"`
}

// readState reads a state file; none, or an empty one, is an empty state.
func readState(path string) (*stateFile, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &stateFile{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	s, err := decodeState(data)
	if err != nil {
		return nil, fmt.Errorf("read the state %s: %w", clean.Line(path), err)
	}
	return s, nil
}

// decodeState reads a state. Errors wrap ErrStateDamaged or ErrStateNewer.
func decodeState(data []byte) (*stateFile, error) {
	if len(data) > maxState {
		return nil, fmt.Errorf("%w: it is larger than %d MB", ErrStateDamaged, maxState>>20)
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return &stateFile{}, nil
	}
	var s stateFile
	err := json.Unmarshal(data, &s)
	switch {
	case s.Version > stateVersion:
		return nil, fmt.Errorf("%w: it has version %d, and this Terraform reads version %d", ErrStateNewer, s.Version, stateVersion)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrStateDamaged, err)
	case s.Version != stateVersion:
		return nil, fmt.Errorf("%w: it has version %d instead of %d", ErrStateDamaged, s.Version, stateVersion)
	}
	return &s, nil
}

// resources lists what is managed, in the state's order (by address).
func (s *stateFile) resources(c *configuration) []Resource {
	var out []Resource
	for _, r := range s.Resources {
		if r.Mode != "managed" {
			continue
		}
		address := r.Type + "." + r.Name
		file := ""
		if d := c.resources[address]; d != nil && r.Module == "" {
			file = d.file
		}
		if r.Module != "" {
			address = r.Module + "." + address
		}
		for _, i := range r.Instances {
			id, _ := i.Attributes["id"].(string)
			index, key := indexKey(i.Key)
			out = append(out, Resource{
				Address: clean.Line(address + index),
				Type:    clean.Line(r.Type),
				ID:      clean.Line(id),
				Group:   group(r.Type, file),
				Title:   Title(r.Type, r.Name, key, i.Attributes),
				Tainted: i.Status == "tainted",
				Values:  i.Attributes,
			})
		}
	}
	return out
}

var providerAddress = regexp.MustCompile(`provider\["([^"]+)"\]`)

// providers lists the addresses of the providers that the resources belong to.
func (s *stateFile) providers() []string {
	var out []string
	for _, r := range s.Resources {
		if m := providerAddress.FindStringSubmatch(r.Provider); m != nil && !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// instances counts what is managed.
func (s *stateFile) instances() int {
	n := 0
	for _, r := range s.Resources {
		if r.Mode == "managed" {
			n += len(r.Instances)
		}
	}
	return n
}

// follows reports whether s is earlier itself, or a later state of its lineage.
func (s *stateFile) follows(earlier *stateFile) bool {
	return earlier.Lineage == "" || s.Lineage == earlier.Lineage && s.Serial >= earlier.Serial
}

// indexKey is an instance's key as in its address and as in its title.
func indexKey(raw json.RawMessage) (index, key string) {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return "", ""
	}
	switch v := v.(type) {
	case float64:
		key = strconv.FormatFloat(v, 'f', -1, 64)
		return "[" + key + "]", key
	case string:
		return "[" + strconv.Quote(v) + "]", v
	}
	return "", ""
}

// outputs are the values that are not sensitive.
func (s *stateFile) outputs() map[string]any {
	values := map[string]any{}
	for name, o := range s.Outputs {
		var v any
		if !o.Sensitive && json.Unmarshal(o.Value, &v) == nil {
			values[name] = v
		}
	}
	return values
}
