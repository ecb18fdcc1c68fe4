package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"workshop/internal/clean"
)

// detailsTimeout bounds reading a plan; it takes Terraform about two seconds,
// most of them to start the provider for its schema.
const detailsTimeout = 2 * time.Minute

// Base returns an address without its index: aws_subnet.public[0] is one of
// aws_subnet.public.
func Base(address string) string {
	name, _, _ := strings.Cut(lastStep(address), "[")
	return address[:len(address)-len(lastStep(address))] + name
}

// lastStep is the part of an address that belongs to the resource and not to the
// modules around it. An index may hold dots.
func lastStep(address string) string {
	rest := address
	for strings.HasPrefix(rest, "module.") {
		depth, end, dots := 0, -1, 0
		for i, r := range rest {
			switch {
			case r == '[':
				depth++
			case r == ']':
				depth--
			case r == '.' && depth == 0:
				dots++
			}
			if dots == 2 {
				end = i
				break
			}
		}
		if end < 0 {
			return rest
		}
		rest = rest[end+1:]
	}
	return rest
}

// change is a message's resource as the .tf files describe it.
func (c *configuration) change(m message) Change {
	ch := Change{
		Address: clean.Line(m.Change.Resource.Address),
		Type:    clean.Line(m.Change.Resource.Type),
		Action:  action(m.Change.Action),
		Reason:  reasons[m.Change.Reason],
	}
	ch.Needs = c.needs(Base(ch.Address))
	c.describe(&ch, nil)
	return ch
}

// describe sets group, title and values. Values that Terraform has worked out
// outrank what the files say literally.
func (c *configuration) describe(ch *Change, values map[string]any) {
	file := ""
	known := map[string]any{}
	if d := c.resources[Base(ch.Address)]; d != nil {
		file = d.file
		maps.Copy(known, d.values)
	}
	for name, v := range values {
		if v != nil {
			known[name] = v
		}
	}
	step := lastStep(ch.Address)
	name, index, _ := strings.Cut(strings.TrimPrefix(step, ch.Type+"."), "[")
	key := strings.Trim(strings.TrimSuffix(index, "]"), `"`)
	ch.Group = group(ch.Type, file)
	ch.Title = Title(ch.Type, name, key, known)
	ch.Values = known
}

// order keeps of each change's needs what this plan changes, and turns them
// round for what is deleted: there, the users of a thing go first.
func (c *configuration) order(p *Plan) {
	changing := map[string]bool{}
	for _, ch := range p.Changes {
		changing[Base(ch.Address)] = true
	}
	users := map[string][]string{}
	for from := range changing {
		for _, to := range c.needs(from) {
			users[to] = append(users[to], from)
		}
	}
	for i := range p.Changes {
		ch := &p.Changes[i]
		if ch.Action == ActionDelete {
			ch.Needs = users[Base(ch.Address)]
			slices.Sort(ch.Needs)
			continue
		}
		ch.Needs = slices.DeleteFunc(ch.Needs, func(a string) bool { return !changing[a] })
		if len(ch.Needs) == 0 {
			ch.Needs = nil
		}
	}
}

// Details is p with what only Terraform knows: values in titles, the names of
// changed attributes, why something is replaced, and what changed outside
// Terraform. It emits EventPlanned again.
// It asks Terraform, which takes about two seconds, and may run beside Apply of
// the same plan if it has begun before Apply ends.
func (s *Stack) Details(ctx context.Context, p *Plan, emit func(Event)) (*Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, detailsTimeout)
	defer cancel()
	conf := s.configuration()
	cli, err := s.settle(conf)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, s.environ(cli), p.File)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	out := conf.detailed(p, shown)
	send(emit, Event{Type: EventPlanned, Op: OpPlan, Plan: out})
	return out, nil
}

// show reads a saved plan. Terraform prints it as one line, and complaints as
// lines of text.
func (s *Stack) show(ctx context.Context, env []string, file string) (*tfjson.Plan, error) {
	var shown *tfjson.Plan
	var text strings.Builder
	var invalid error
	proc := &process{started: s.opts.Started}
	err := proc.run(ctx, s.opts.Terraform, s.opts.Dir, env, []string{"show", "-json", "-no-color", file}, func(line []byte) {
		if plan, err := decodePlan(line); err == nil {
			shown = plan
		} else if text.Len() < maxText {
			text.WriteString(clean.Line(string(line)) + " ")
			invalid = err
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case killed(err):
		return nil, &KilledError{Op: OpPlan, Tofu: s.opts.Terraform.Tofu}
	case err != nil && text.Len() > 0:
		return nil, fmt.Errorf("%s (%w)", strings.TrimSpace(text.String()), err)
	case err != nil:
		return nil, err
	case shown == nil:
		return nil, fmt.Errorf("Terraform did not print it (%w)", errors.Join(invalid, io.ErrUnexpectedEOF))
	}
	return shown, nil
}

func decodePlan(line []byte) (*tfjson.Plan, error) {
	var plan tfjson.Plan
	if err := json.Unmarshal(line, &plan); err != nil {
		return nil, err
	}
	return &plan, nil
}

// detailed is p enriched by Terraform's own account of it.
func (c *configuration) detailed(p *Plan, shown *tfjson.Plan) *Plan {
	out := *p
	out.Changes = enrich(c, p.Changes, shown.ResourceChanges)
	out.Drift = c.drift(shown)
	return &out
}

func enrich(c *configuration, changes []Change, shown []*tfjson.ResourceChange) []Change {
	byAddress := map[string]*tfjson.ResourceChange{}
	for _, r := range shown {
		if r != nil && r.Change != nil {
			byAddress[clean.Line(r.Address)] = r
		}
	}
	out := slices.Clone(changes)
	for i := range out {
		ch := &out[i]
		r := byAddress[ch.Address]
		if r == nil {
			continue
		}
		before, _ := r.Change.Before.(map[string]any)
		after, _ := r.Change.After.(map[string]any)
		values := after
		if ch.Action == ActionDelete {
			values = before
		}
		c.describe(ch, values)
		unknown, _ := r.Change.AfterUnknown.(map[string]any)
		switch ch.Action {
		case ActionUpdate:
			ch.Fields = changedFields(before, after, unknown)
		case ActionReplace:
			// Everything that AWS makes up is unknown for a new resource.
			ch.Fields = changedFields(before, after, nil)
		}
		if why := reasons[string(r.ActionReason)]; why != "" {
			ch.Reason = why
		}
		if paths := pathNames(r.Change.ReplacePaths); ch.Action == ActionReplace && len(paths) > 0 {
			ch.Reason = strings.Join(paths, ", ") + ": " + reasons["cannot_update"]
			ch.Fields = slices.Compact(slices.Sorted(slices.Values(append(ch.Fields, paths...))))
		}
	}
	return out
}

// changedFields names the attributes that differ, or whose value is only known
// after the change. Values stay out: they may be secret.
func changedFields(before, after, unknown map[string]any) []string {
	var out []string
	for name := range after {
		if !reflect.DeepEqual(before[name], after[name]) {
			out = append(out, clean.Line(name))
		}
	}
	for name, v := range unknown {
		if v == true && after[name] == nil && before[name] != nil {
			out = append(out, clean.Line(name))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// pathNames are the attributes at the head of paths such as ["tags", "Name"].
func pathNames(paths []any) []string {
	var out []string
	for _, p := range paths {
		steps, ok := p.([]any)
		if !ok || len(steps) == 0 {
			continue
		}
		if name, ok := steps[0].(string); ok {
			out = append(out, clean.Line(name))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MarshalJSON keeps the changes an array where there are none.
func (p Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	if p.Changes == nil {
		p.Changes = []Change{}
	}
	return json.Marshal(plain(p))
}
