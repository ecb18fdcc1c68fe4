package sandbox

import "slices"

// Operations lists the names of the operations that the sandbox has, sorted, by
// service as credential scopes name it ("ecs", "elasticloadbalancing").
func (s *Sandbox) Operations() map[string][]string {
	out := map[string][]string{}
	for _, svc := range s.home.server.Services() {
		out[svc.Name] = slices.Sorted(slices.Values(svc.Operations()))
	}
	return out
}
