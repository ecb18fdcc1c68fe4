package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"workshop/internal/clean"
)

// Run tries checks until they pass or their tries are used up, and calls report,
// which may be nil, with each result as it becomes final. fresh gives the facts
// of a new moment for each round of tries. The results are in the order of the
// checks. When ctx ends, what has not passed fails with its error.
func Run(ctx context.Context, checks []Check, fresh func() Source, report func(Result)) []Result {
	results := make([]Result, len(checks))
	open := make([]int, len(checks))
	for i := range open {
		open[i] = i
	}
	for try := 0; len(open) > 0; try++ {
		if try > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(Pause):
			}
		}
		src := fresh()
		var again []int
		for _, i := range open {
			results[i] = Once(ctx, checks[i], src)
			var wrong *Problem
			if !results[i].OK && try < min(checks[i].Retry, MaxRetry) && ctx.Err() == nil && !errors.As(results[i].Err, &wrong) {
				again = append(again, i)
				continue
			}
			if report != nil {
				report(results[i])
			}
		}
		open = again
	}
	return results
}

// Once tries a check one time.
func Once(ctx context.Context, c Check, src Source) Result {
	r := Result{ID: c.ID, Title: c.Title}
	e, err := Compile(c.That, nil)
	if err != nil {
		r.Expected, r.Err = brief(c.That, maxSource), fmt.Errorf("the check %s cannot be read: %w", c.ID, err)
		return r
	}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, min(timeout, MaxTimeout))
	defer cancel()

	f := &finder{ctx: ctx, src: src, expr: e}
	scope, err := f.scope(e.roots)
	if err != nil {
		r.Err = deadlineError(ctx, err, timeout)
		return r
	}
	for _, part := range e.parts {
		f.calls = nil
		v, diags := part.Value(scope)
		if f.err != nil {
			r.Err = deadlineError(ctx, f.err, timeout)
			return r
		}
		if !diags.HasErrors() && truth(v) {
			continue
		}
		r.Expected = source(part, c.That)
		r.Found = found(part, scope, f.calls, diags)
		r.Message = clean.Text(Fill(ctx, c.Else, src))
		return r
	}
	r.OK = true
	return r
}

// deadlineError says so where an error is but the time that is up.
func deadlineError(ctx context.Context, err error, timeout time.Duration) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s: %w", timeout, err)
	}
	return err
}

func truth(v cty.Value) bool {
	b, err := convert.Convert(v, cty.Bool)
	return err == nil && b.IsKnown() && !b.IsNull() && b.True()
}

// source is an expression as its author wrote it, on one line.
func source(e hclsyntax.Expression, src string) string {
	r := e.Range()
	if r.Start.Byte < 0 || r.End.Byte > len(src) || r.Start.Byte > r.End.Byte {
		return brief(src, maxSource)
	}
	return brief(src[r.Start.Byte:r.End.Byte], maxSource)
}

// found says what the facts in an expression are.
func found(e hclsyntax.Expression, scope *hcl.EvalContext, calls []string, diags hcl.Diagnostics) string {
	parts := append([]string{}, calls...)
	seen := map[string]bool{}
	called := urls(e)
	for _, t := range hclsyntax.Variables(e) {
		name := dotted(t)
		if seen[name] || called[name] && len(calls) > 0 {
			continue
		}
		seen[name] = true
		if v, d := t.TraverseAbs(scope); !d.HasErrors() {
			parts = append(parts, name+" is "+text(v))
		}
	}
	if len(parts) == 0 {
		for _, d := range diags {
			parts = append(parts, problemText(d))
		}
	}
	return strings.Join(parts, ", ")
}

// urls are the facts that stand as the argument of a call: its answer says more
// than they do.
func urls(e hclsyntax.Expression) map[string]bool {
	names := map[string]bool{}
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if c, ok := n.(*hclsyntax.FunctionCallExpr); ok && (c.Name == "http" || c.Name == "logged") {
			for _, a := range c.Args {
				for _, t := range hclsyntax.Variables(a) {
					names[dotted(t)] = true
				}
			}
		}
		return nil
	})
	return names
}

// dotted is a traversal as an author writes it.
func dotted(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			key := text(s.Key)
			if s.Key.Type() == cty.String {
				key = `"` + key + `"`
			}
			b.WriteString("[" + key + "]")
		}
	}
	return b.String()
}
