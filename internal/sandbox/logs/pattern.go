package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ParsePattern reads a filter pattern as "Filter pattern syntax" of the
// CloudWatch Logs user guide has it: terms that must all be there, "quoted
// phrases", ?optional terms of which one must be there, -excluded terms,
// %regular expressions%, and { $.json = "selectors" } joined by && and ||. An
// empty pattern matches everything. Terms heed the case. Space-delimited
// patterns ([ip, user, ...]) are not read.
func ParsePattern(pattern string) (func(message string) bool, error) {
	p := strings.TrimSpace(pattern)
	switch {
	case p == "":
		return func(string) bool { return true }, nil
	case len(p) > 1024:
		return nil, errors.New("longer than 1024 characters")
	case p[0] == '{':
		return parseJSONPattern(p)
	case p[0] == '[':
		return nil, errors.New("space-delimited patterns are not available in the sandbox")
	}
	return parseTerms(p)
}

func parseTerms(p string) (func(string) bool, error) {
	type term struct {
		text string
		re   *regexp.Regexp
	}
	var all, anyOf, none []term
	for p = strings.TrimSpace(p); p != ""; p = strings.TrimSpace(p) {
		list := &all
		switch p[0] {
		case '?':
			list, p = &anyOf, p[1:]
		case '-':
			list, p = &none, p[1:]
		}
		var t term
		switch {
		case p == "":
			return nil, errors.New("a sign without a term")
		case p[0] == '"':
			end := strings.IndexByte(p[1:], '"')
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			t.text, p = p[1:1+end], p[end+2:]
		case p[0] == '%':
			end := strings.IndexByte(p[1:], '%')
			if end < 0 {
				return nil, errors.New("a % is not closed")
			}
			re, err := regexp.Compile(p[1 : 1+end])
			if err != nil {
				return nil, err
			}
			t.re, p = re, p[end+2:]
		default:
			end := strings.IndexAny(p, " \t\n")
			if end < 0 {
				end = len(p)
			}
			t.text, p = p[:end], p[end:]
		}
		*list = append(*list, t)
	}
	has := func(m string, t term) bool {
		if t.re != nil {
			return t.re.MatchString(m)
		}
		return strings.Contains(m, t.text)
	}
	return func(m string) bool {
		for _, t := range none {
			if has(m, t) {
				return false
			}
		}
		for _, t := range all {
			if !has(m, t) {
				return false
			}
		}
		for _, t := range anyOf {
			if has(m, t) {
				return true
			}
		}
		return len(anyOf) == 0
	}, nil
}

// A JSON pattern is a disjunction of conjunctions of comparisons; parentheses
// group.
type jsonParser struct {
	rest  string
	depth int
}

type predicate func(doc any) bool

func parseJSONPattern(p string) (func(string) bool, error) {
	if p[len(p)-1] != '}' {
		return nil, errors.New("a { is not closed")
	}
	j := &jsonParser{rest: p[1 : len(p)-1]}
	match, err := j.or()
	if err != nil {
		return nil, err
	}
	if j.skip(); j.rest != "" {
		return nil, fmt.Errorf("%q is left over", j.rest)
	}
	return func(m string) bool {
		var doc any
		if !strings.HasPrefix(strings.TrimSpace(m), "{") || json.Unmarshal([]byte(m), &doc) != nil {
			return false
		}
		return match(doc)
	}, nil
}

func (j *jsonParser) skip() { j.rest = strings.TrimLeft(j.rest, " \t\n") }

func (j *jsonParser) take(sign string) bool {
	j.skip()
	rest, ok := strings.CutPrefix(j.rest, sign)
	if ok {
		j.rest = rest
	}
	return ok
}

func (j *jsonParser) or() (predicate, error) {
	left, err := j.and()
	for err == nil && j.take("||") {
		var right predicate
		l := left
		if right, err = j.and(); err == nil {
			left = func(d any) bool { return l(d) || right(d) }
		}
	}
	return left, err
}

func (j *jsonParser) and() (predicate, error) {
	left, err := j.comparison()
	for err == nil && j.take("&&") {
		var right predicate
		l := left
		if right, err = j.comparison(); err == nil {
			left = func(d any) bool { return l(d) && right(d) }
		}
	}
	return left, err
}

var selector = regexp.MustCompile(`^\$((?:\.[\w-]+|\[\d+\])+)`)

func (j *jsonParser) comparison() (predicate, error) {
	if j.depth++; j.depth > 64 {
		return nil, errors.New("nested too deeply")
	}
	defer func() { j.depth-- }()
	if j.take("(") {
		inner, err := j.or()
		if err == nil && !j.take(")") {
			err = errors.New("a ( is not closed")
		}
		return inner, err
	}
	j.skip()
	sel := selector.FindString(j.rest)
	if sel == "" {
		return nil, fmt.Errorf("expected a selector such as $.level at %q", j.rest)
	}
	j.rest = j.rest[len(sel):]
	get := func(d any) (any, bool) { return find(d, sel[1:]) }
	j.skip()
	if word, ok := strings.CutPrefix(j.rest, "IS "); ok {
		for name, want := range map[string]func(v any, ok bool) bool{
			"NULL": func(v any, ok bool) bool { return ok && v == nil },
			"TRUE": func(v any, ok bool) bool { return v == true }, "FALSE": func(v any, ok bool) bool { return v == false },
		} {
			if rest, ok := strings.CutPrefix(strings.TrimLeft(word, " "), name); ok {
				j.rest = rest
				return func(d any) bool { return want(get(d)) }, nil
			}
		}
	}
	if j.take("NOT EXISTS") {
		return func(d any) bool { _, ok := get(d); return !ok }, nil
	}
	for _, op := range []string{"!=", ">=", "<=", "=", ">", "<"} {
		if j.take(op) {
			return j.operand(op, get)
		}
	}
	return nil, fmt.Errorf("expected a comparison at %q", j.rest)
}

func (j *jsonParser) operand(op string, get func(any) (any, bool)) (predicate, error) {
	j.skip()
	var text string
	if strings.HasPrefix(j.rest, `"`) {
		end := strings.IndexByte(j.rest[1:], '"')
		if end < 0 {
			return nil, errors.New("a quote is not closed")
		}
		text, j.rest = j.rest[1:1+end], j.rest[end+2:]
	} else {
		end := strings.IndexAny(j.rest, " \t\n&|)")
		if end < 0 {
			end = len(j.rest)
		}
		text, j.rest = j.rest[:end], j.rest[end:]
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return func(d any) bool {
				v, ok := get(d)
				f, isNumber := v.(float64)
				if !ok || !isNumber {
					return ok && op == "!="
				}
				return compare(f, n, op)
			}, nil
		}
	}
	if op != "=" && op != "!=" {
		return nil, fmt.Errorf("%s needs a number", op)
	}
	re, err := regexp.Compile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, `.*`) + `$`)
	if err != nil {
		return nil, err
	}
	return func(d any) bool {
		v, ok := get(d)
		s, isString := v.(string)
		return ok && (isString && re.MatchString(s)) == (op == "=")
	}, nil
}

func compare(a, b float64, op string) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	}
	return a <= b
}

var step = regexp.MustCompile(`\.([\w-]+)|\[(\d+)\]`)

func find(d any, path string) (any, bool) {
	for _, m := range step.FindAllStringSubmatch(path, -1) {
		switch at := d.(type) {
		case map[string]any:
			v, ok := at[m[1]]
			if m[1] == "" || !ok {
				return nil, false
			}
			d = v
		case []any:
			n, err := strconv.Atoi(m[2])
			if err != nil || n >= len(at) {
				return nil, false
			}
			d = at[n]
		default:
			return nil, false
		}
	}
	return d, true
}
