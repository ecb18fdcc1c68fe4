package session

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"workshop/internal/stack"
)

// Sources says where and how the learner's configuration declares each resource,
// by its address without index. What cannot be read of a file is left out;
// Terraform itself says what is wrong with it.
func (s *Session) Sources(context.Context) (map[string]stack.Source, error) {
	dir := os.DirFS(s.Workspace.TerraformDir())
	files, err := fs.Glob(dir, "*.tf")
	if err != nil {
		return nil, fmt.Errorf("looking for .tf files: %w", err)
	}
	out := map[string]stack.Source{}
	for _, file := range files {
		src, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		f, _ := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
		if f == nil {
			continue
		}
		body, ok := f.Body.(*hclsyntax.Body)
		if !ok {
			continue
		}
		for _, b := range body.Blocks {
			if b.Type == "resource" && len(b.Labels) == 2 {
				out[b.Labels[0]+"."+b.Labels[1]] = stack.Source{
					File: file, Line: b.TypeRange.Start.Line,
					Text: string(src[b.TypeRange.Start.Byte:b.CloseBraceRange.End.Byte]),
				}
			}
		}
	}
	return out, nil
}
