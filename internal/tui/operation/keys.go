package operation

import "workshop/internal/tui/keys"

// Keys returns the keys that an operation has on every page, followed by those of
// the page.
func (v *View) Keys(of ...keys.Context) keys.Table {
	openLog := func() { v.showLog, v.log.scroll.Follow = true, true }
	hasLog := func() bool { return v.log.len() > 0 }
	common := keys.Table{
		{Name: "Terraform's log", When: v.ShowsLog, Modal: true, Rest: keys.Scrolls(v.log.scroll.Key), Keys: []keys.Key{
			keys.On("esc l", "back", func() { v.showLog = false }).Hint("back"),
			keys.Shown("G", "follow"),
		}},
		{When: func() bool { return v.Phase != Planned }, Keys: []keys.Key{keys.On("l", "Terraform's log", openLog).If(hasLog)}},
		{Keys: []keys.Key{keys.On("L", "Terraform's log, beside a plan too", openLog).If(hasLog)}},
	}
	return append(common, of...)
}

// WorkKeys returns the contexts of the phases that look the same on every page.
func (v *View) WorkKeys() []keys.Context {
	in := func(p Phase) func() bool { return func() bool { return v.Phase == p } }
	return []keys.Context{
		{Name: "Before the session is ready", When: in(Waiting), Keys: []keys.Key{
			keys.On("esc", "do not plan yet", func() { v.Phase = Idle }).Hint("not now"),
		}},
		{Name: "While Terraform plans", When: in(Planning), Keys: []keys.Key{
			keys.Shown("l", "log"), keys.Shown("ctrl+c", "stop"),
		}},
		{Name: "While Terraform applies", When: in(Applying), Keys: []keys.Key{
			keys.Shown("l", "log"), keys.Shown("g", "graph").If(func() bool { return !v.Destroy }), keys.Shown("ctrl+c", "stop safely"),
		}},
		{Name: "After a failure", When: in(Failed), Rest: keys.Scrolls(v.errors.Key), Keys: []keys.Key{
			keys.On("u", "repair what the error is about; asks first", v.repair).If(v.repairable).Hint("repair"),
			keys.OnCmd("r p enter", "plan again", v.Begin).Hint("plan again"),
			keys.Shown("l", "log"),
		}},
	}
}

// PlanKeys returns the keys that move in the plan.
func (v *View) PlanKeys() []keys.Key {
	return []keys.Key{
		keys.On("enter d", "fold a group, show a resource", func() { v.tree.toggle() }).If(func() bool { return len(v.tree.rows) > 0 }).Hint("fold"),
		keys.On("left h", "fold", func() { v.tree.fold() }).If(func() bool { return len(v.tree.rows) > 0 }),
		keys.On("right l", "unfold", func() { v.tree.unfold() }).If(func() bool { return len(v.tree.rows) > 0 }),
	}
}
