package tui

// Renewed shows a draft, as if its author had just saved it.
func (m *model) Renewed(d Draft) {
	m.renewed(d)
	m.stale = true
}
