package session

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Sources says where the learner's configuration declares each resource, as
// file:line, by its address without index: "service.tf:94". What cannot be read
// of a file is left out; Terraform itself says what is wrong with it.
func (s *Session) Sources() (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(s.Workspace.TerraformDir(), "*.tf"))
	if err != nil {
		return nil, fmt.Errorf("looking for .tf files: %w", err)
	}
	out := map[string]string{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		f, _ := hclsyntax.ParseConfig(src, filepath.Base(file), hcl.InitialPos)
		if f == nil {
			continue
		}
		body, ok := f.Body.(*hclsyntax.Body)
		if !ok {
			continue
		}
		for _, b := range body.Blocks {
			if b.Type == "resource" && len(b.Labels) == 2 {
				out[b.Labels[0]+"."+b.Labels[1]] = fmt.Sprintf("%s:%d", filepath.Base(file), b.TypeRange.Start.Line)
			}
		}
	}
	return out, nil
}
