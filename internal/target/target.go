// Package target says where the workshop deploys: the sandbox in this process,
// or a real AWS account. Everything above it is the same for both.
package target

import "github.com/aws/aws-sdk-go-v2/aws"

// Kind is a sort of target.
type Kind string

const (
	Sandbox Kind = "sandbox"
	AWS     Kind = "aws"
)

// Target is a place to deploy to. It is immutable once opened, except that
// Close ends it.
type Target struct {
	Kind    Kind
	Account string // twelve digits
	Region  string
	// Config is for the AWS SDK's clients; endpoint, region and credentials are set.
	Config aws.Config
	// Env is what Terraform, the aws command line and the learner's shell need,
	// as KEY=value, to reach the same place. It is added to the environment.
	Env []string
	// Endpoint is the sandbox's address, e.g. http://127.0.0.1:4566; empty on AWS.
	Endpoint string

	close func() error
}

// Close ends what Open started; a sandbox that another process runs goes on.
func (t *Target) Close() error {
	if t.close == nil {
		return nil
	}
	return t.close()
}
