package check

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/hashicorp/hcl/v2"
)

// types are the facts' types by name; vars and outputs have none of their own.
var types = sync.OnceValue(func() map[string]cty.Type {
	return map[string]cty.Type{
		"target": cty.String, "region": cty.String, "account": cty.String,
		"terraform":   implied(Terraform{}),
		"stack":       implied(Stack{}),
		"plan":        implied(Plan{}),
		"service":     implied(Service{}),
		"deployments": implied([]Deployment{}),
		"tasks":       implied(Tasks{}),
		"events":      implied([]Event{}),
		"history":     implied(History{}),
		"step":        implied(Step{}),
	}
})

func implied(v any) cty.Type {
	t, err := gocty.ImpliedType(v)
	if err != nil {
		return cty.DynamicPseudoType // a test holds that this does not happen
	}
	return t
}

var responseType = sync.OnceValue(func() cty.Type { return implied(response{}) })

// finder gathers the facts of one evaluation.
type finder struct {
	ctx  context.Context
	src  Source
	expr *Expr
	// calls are the answers of http and logged in this evaluation, in words, and
	// answers so that one URL is asked once.
	calls   []string
	answers map[string]cty.Value
	err     error // the first call's failure
}

// scope has the facts of roots.
func (f *finder) scope(roots []string) (*hcl.EvalContext, error) {
	vars := map[string]cty.Value{}
	for _, r := range roots {
		v, err := f.fact(r)
		if err != nil {
			return nil, err
		}
		if v != cty.NilVal {
			vars[r] = v
		}
	}
	fs := map[string]function.Function{}
	for name, fn := range pure() {
		fs[name] = fn
	}
	f.answers = map[string]cty.Value{}
	fs["http"] = httpFunction(f)
	fs["logged"] = loggedFunction(f)
	return &hcl.EvalContext{Variables: vars, Functions: fs}, nil
}

// fact is one fact's value; NilVal where root is none.
func (f *finder) fact(root string) (cty.Value, error) {
	switch root {
	case "target":
		return cty.StringVal(f.src.Place().Target), nil
	case "region":
		return cty.StringVal(f.src.Place().Region), nil
	case "account":
		a, err := f.src.Account(f.ctx)
		return cty.StringVal(a), err
	case "terraform":
		v, err := f.src.Terraform(f.ctx)
		return value(v, root, err)
	case "stack":
		v, err := f.src.Stack(f.ctx)
		return value(v, root, err)
	case "plan":
		v, err := f.src.Plan(f.ctx)
		return value(v, root, err)
	case "history":
		v, err := f.src.History(f.ctx)
		return value(v, root, err)
	case "service":
		v, err := f.src.Live(f.ctx)
		return value(v.Service, root, err)
	case "deployments":
		v, err := f.src.Live(f.ctx)
		return value(v.Deployments, root, err)
	case "tasks":
		v, err := f.src.Live(f.ctx)
		return value(v.Tasks, root, err)
	case "events":
		v, err := f.src.Live(f.ctx)
		return value(v.Events, root, err)
	case "outputs":
		v, err := f.src.Outputs(f.ctx)
		return f.free(root, v, cty.StringVal(""), err)
	case "vars":
		v, err := f.src.Vars(f.ctx)
		return f.free(root, v, cty.NullVal(cty.DynamicPseudoType), err)
	case "steps":
		steps, err := f.src.Steps(f.ctx)
		if err != nil {
			return cty.NilVal, err
		}
		attrs := map[string]cty.Value{}
		for id, s := range steps {
			if attrs[id], err = value(s, "step", nil); err != nil {
				return cty.NilVal, err
			}
		}
		for id := range f.expr.names[root] {
			if _, ok := attrs[id]; !ok {
				if attrs[id], err = value(Step{}, "step", nil); err != nil {
					return cty.NilVal, err
				}
			}
		}
		return cty.ObjectVal(attrs), nil
	}
	return cty.NilVal, nil
}

// value turns a Go value into the fact of that name.
func value(v any, name string, err error) (cty.Value, error) {
	if err != nil {
		return cty.NilVal, err
	}
	out, err := gocty.ToCtyValue(v, types()[name])
	if err == nil {
		out, err = cty.Transform(out, emptied)
	}
	if err != nil {
		return cty.NilVal, fmt.Errorf("the fact %s: %w", name, err)
	}
	return out, nil
}

// emptied is a list that is not there as an empty one, so that it can be counted
// and searched.
func emptied(_ cty.Path, v cty.Value) (cty.Value, error) {
	if t := v.Type(); t.IsListType() && v.IsNull() {
		return cty.ListValEmpty(t.ElementType()), nil
	}
	return v, nil
}

// free is an object of values in the form of Terraform's JSON. What the
// expression asks for and is not there has the value missing.
func (f *finder) free(root string, values map[string]any, missing cty.Value, err error) (cty.Value, error) {
	if err != nil {
		return cty.NilVal, err
	}
	attrs := map[string]cty.Value{}
	for name, v := range values {
		if attrs[name], err = jsonValue(v); err != nil {
			return cty.NilVal, fmt.Errorf("the fact %s.%s: %w", root, name, err)
		}
	}
	for name := range f.expr.names[root] {
		if _, ok := attrs[name]; !ok {
			attrs[name] = missing
		}
	}
	return cty.ObjectVal(attrs), nil
}

func jsonValue(v any) (cty.Value, error) {
	if v == nil {
		return cty.NullVal(cty.DynamicPseudoType), nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return cty.NilVal, err
	}
	t, err := ctyjson.ImpliedType(data)
	if err != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal(data, t)
}
