package wire

import "slices"

// Services lists what the server answers for, by name. It is safe once the
// server serves, when nothing is added any more.
func (s *Server) Services() []*Service {
	var out []*Service
	for _, svc := range s.byName {
		out = append(out, svc)
	}
	slices.SortFunc(out, func(a, b *Service) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}
