package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/hashicorp/go-version"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"github.com/zclconf/go-cty/cty/gocty"

	"workshop/internal/clean"
)

// pure are the functions that need nothing but their arguments. None of them
// can make much out of little.
var pure = sync.OnceValue(func() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc,
		"length": length, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"keys": stdlib.KeysFunc, "values": stdlib.ValuesFunc, "lookup": stdlib.LookupFunc,
		"concat": stdlib.ConcatFunc, "coalesce": stdlib.CoalesceFunc,
		"lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc, "trimspace": stdlib.TrimSpaceFunc,
		"split": stdlib.SplitFunc, "join": stdlib.JoinFunc,
		"startswith": textTest(hasPrefix), "endswith": textTest(hasSuffix), "strcontains": textTest(hasPart),
		"matches": matches, "satisfies": satisfies,
		"anytrue": quantifier(true), "alltrue": quantifier(false),
		"sum": sum,
	}
})

// Functions lists the functions of expressions by name, sorted. http and logged,
// which are facts, are among the Names.
func Functions() []string { return slices.Sorted(maps.Keys(pure())) }

// length is Terraform's: of a list, a map, an object or a text's characters.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		if t == cty.DynamicPseudoType || t == cty.String || t.IsCollectionType() || t.IsTupleType() || t.IsObjectType() {
			return cty.Number, nil
		}
		return cty.Number, function.NewArgErrorf(0, "length counts what is in a list, a map or a text, and this is a %s", t.FriendlyName())
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		switch t := v.Type(); {
		case t.IsTupleType():
			return cty.NumberIntVal(int64(len(t.TupleElementTypes()))), nil
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
		case !v.IsKnown():
			return cty.UnknownVal(cty.Number), nil
		case t == cty.String:
			return cty.NumberIntVal(int64(utf8.RuneCountInString(v.AsString()))), nil
		}
		return v.Length(), nil
	},
})

func hasPrefix(s, part string) bool { return strings.HasPrefix(s, part) }
func hasSuffix(s, part string) bool { return strings.HasSuffix(s, part) }
func hasPart(s, part string) bool   { return strings.Contains(s, part) }

// textTest is a question about a text and a part of it.
func textTest(holds func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(holds(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// matches reports whether a regular expression (RE2) is found in a text.
var matches = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "pattern", Type: cty.String}, {Name: "text", Type: cty.String}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if args[0].IsKnown() && !args[0].IsNull() {
			if _, err := regexp.Compile(args[0].AsString()); err != nil {
				return cty.Bool, function.NewArgErrorf(0, "%v", err)
			}
		}
		return cty.Bool, nil
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		re, err := regexp.Compile(args[0].AsString())
		if err != nil {
			return cty.UnknownVal(cty.Bool), function.NewArgErrorf(0, "%v", err)
		}
		return cty.BoolVal(re.MatchString(args[1].AsString())), nil
	},
})

// satisfies reports whether a version fulfils constraints, as they are written
// for required_version. A version that is none, or not known yet, does not.
var satisfies = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "version", Type: cty.String}, {Name: "constraints", Type: cty.String}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if args[1].IsKnown() && !args[1].IsNull() {
			if _, err := version.NewConstraint(args[1].AsString()); err != nil {
				return cty.Bool, function.NewArgErrorf(1, "the constraints cannot be read: write >= 1.6, or ~> 5.100, < 5.200")
			}
		}
		return cty.Bool, nil
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		wanted, err := version.NewConstraint(args[1].AsString())
		if err != nil {
			return cty.UnknownVal(cty.Bool), function.NewArgError(1, err)
		}
		v, err := version.NewVersion(args[0].AsString())
		return cty.BoolVal(err == nil && wanted.Check(v)), nil
	},
})

// quantifier is anytrue, or alltrue. Null counts as false, as in Terraform.
func quantifier(wanted bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				if !v.IsKnown() {
					return cty.UnknownVal(cty.Bool), nil
				}
				if (!v.IsNull() && v.True()) == wanted {
					return cty.BoolVal(wanted), nil
				}
			}
			return cty.BoolVal(!wanted), nil
		},
	})
}

// sum adds up a list of numbers; that of an empty one is 0.
var sum = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Number)}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		total := cty.Zero
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			if !v.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if v.IsNull() {
				return cty.NilVal, fmt.Errorf("the list holds null")
			}
			total = total.Add(v)
		}
		return total, nil
	},
})

// httpFunction asks a URL through f's source; without f it only has a type.
func httpFunction(f *finder) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "url", Type: cty.String, AllowNull: true}},
		Type:   function.StaticReturnType(responseType()),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if f == nil {
				return cty.UnknownVal(responseType()), nil
			}
			url := ""
			if !args[0].IsNull() {
				url = args[0].AsString()
			}
			if v, ok := f.answers["http "+url]; ok {
				return v, nil
			}
			r := Response{Err: "there is no URL yet"}
			if url != "" {
				var err error
				if r, err = f.src.Get(f.ctx, url); err != nil {
					f.fail(err)
					return cty.UnknownVal(responseType()), err
				}
			}
			f.calls = append(f.calls, answered(url, r))
			v, err := gocty.ToCtyValue(response{Status: r.Status, Body: r.Body, MS: int(r.Took.Milliseconds()), Error: r.Err}, responseType())
			f.answers["http "+url] = v
			return v, err
		},
	})
}

// loggedFunction counts log lines through f's source.
func loggedFunction(f *finder) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "pattern", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if f == nil {
				return cty.UnknownVal(cty.Number), nil
			}
			pattern := args[0].AsString()
			if v, ok := f.answers["logged "+pattern]; ok {
				return v, nil
			}
			n, err := f.src.Logged(f.ctx, pattern)
			if err != nil {
				f.fail(err)
				return cty.UnknownVal(cty.Number), err
			}
			f.calls = append(f.calls, fmt.Sprintf("%d log lines match %s in the last 15 minutes", n, brief(pattern, 40)))
			v := cty.NumberIntVal(int64(n))
			f.answers["logged "+pattern] = v
			return v, nil
		},
	})
}

func (f *finder) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// answered says what a URL answered.
func answered(url string, r Response) string {
	switch {
	case url == "":
		return r.Err
	case r.Status == 0:
		return fmt.Sprintf("asked %s: no answer, %s", clean.Line(url), clean.Line(r.Err))
	}
	s := fmt.Sprintf("asked %s: %d", clean.Line(url), r.Status)
	if body := strings.TrimSpace(r.Body); body != "" {
		s += ", " + brief(body, 60)
	}
	return s
}

// brief is a text on one line, of at most n characters.
func brief(s string, n int) string {
	s = clean.Line(strings.Join(strings.Fields(s), " "))
	if utf8.RuneCountInString(s) > n {
		s = string([]rune(s)[:n-1]) + "…"
	}
	return s
}

// text is a value for people.
func text(v cty.Value) string {
	switch {
	case v == cty.NilVal || !v.IsKnown():
		return "unknown"
	case v.IsNull():
		return "null"
	case v.Type() == cty.String:
		if v.AsString() == "" {
			return "empty"
		}
		return brief(v.AsString(), 80)
	case v.Type().IsPrimitiveType():
		s, err := convert.Convert(v, cty.String)
		if err != nil {
			return "unknown"
		}
		return s.AsString()
	case v.CanIterateElements():
		n := v.LengthInt()
		if t := v.Type(); n > 0 && n <= 5 && (t.IsTupleType() || t.IsListType() && t.ElementType().IsPrimitiveType()) {
			var parts []string
			for it := v.ElementIterator(); it.Next(); {
				_, e := it.Element()
				if !e.Type().IsPrimitiveType() {
					parts = nil
					break
				}
				parts = append(parts, text(e))
			}
			if len(parts) > 0 {
				return strings.Join(parts, ", ")
			}
		}
		switch n {
		case 0:
			return "empty"
		case 1:
			return "one entry"
		}
		return fmt.Sprintf("%d entries", n)
	}
	return "a value"
}
