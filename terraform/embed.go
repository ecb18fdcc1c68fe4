// Package terraform is the configuration that the workshop deploys: one flat
// root module, which learners read and edit in their workspace.
package terraform

import "embed"

// Files holds the configuration's .tf files, all at the top level. There is no
// dependency lock file among them: terraform init writes one that fits the
// platform and the provider's source. It is safe for concurrent use.
//
//go:embed *.tf
var Files embed.FS
