package cloudwatch

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// line is a time series.
type line struct {
	period int64
	label  string
	at     map[int64]float64 // by seconds since 1970
}

// value is a number, a line, or an array of lines.
type value struct {
	number float64
	lines  []line // nil for a number
	array  bool   // functions such as SUM make one line of it, even if it has only one
}

// evaluate computes a metric math expression: + - * / ^, comparisons, and the
// functions ABS, AVG, CEIL, DATAPOINT_COUNT, FILL, FLOOR, IF, MAX, METRICS, MIN,
// PERIOD, RATE and SUM. SEARCH, SELECT and the others are refused by name.
func (q *queries) evaluate(text string) (value, error) {
	if len(text) > 2048 {
		return value{}, refused("Error in expression: it is longer than 2048 characters.")
	}
	p := &parser{queries: q, rest: text, text: text}
	v, err := p.comparison()
	if err != nil {
		return value{}, err
	}
	if p.skip(); p.rest != "" {
		return value{}, p.fail("unexpected %q", p.rest)
	}
	return v, nil
}

// parser computes as it reads.
type parser struct {
	*queries
	text, rest string
	depth      int
}

func (p *parser) fail(format string, args ...any) error {
	return refused("Error in expression '%s': %s.", p.text, fmt.Sprintf(format, args...))
}

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) take(sign string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, sign)
	if ok {
		p.rest = rest
	}
	return ok
}

// infix reads operands of next between any of the operators.
func (p *parser) infix(next func() (value, error), operators ...string) (value, error) {
	v, err := next()
	for err == nil {
		i := slices.IndexFunc(operators, p.take)
		if i < 0 {
			break
		}
		var w value
		if w, err = next(); err == nil {
			v, err = p.pair(v, w, arithmetic[operators[i]])
		}
	}
	return v, err
}

func (p *parser) comparison() (value, error) {
	if p.depth++; p.depth > 50 {
		return value{}, p.fail("too deeply nested")
	}
	defer func() { p.depth-- }()
	return p.infix(p.sum, "<=", ">=", "==", "!=", "<", ">")
}
func (p *parser) sum() (value, error)     { return p.infix(p.product, "+", "-") }
func (p *parser) product() (value, error) { return p.infix(p.power, "*", "/") }
func (p *parser) power() (value, error)   { return p.infix(p.unary, "^") }

func (p *parser) unary() (value, error) {
	negative := false
	for p.take("-") {
		negative = !negative
	}
	v, err := p.operand()
	if err != nil || !negative {
		return v, err
	}
	return each(v, func(f float64) float64 { return -f }), nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var arithmetic = map[string]func(a, b float64) float64{
	"+":  func(a, b float64) float64 { return a + b },
	"-":  func(a, b float64) float64 { return a - b },
	"*":  func(a, b float64) float64 { return a * b },
	"/":  func(a, b float64) float64 { return a / b }, // what is divided by zero has no point
	"^":  math.Pow,
	"<":  func(a, b float64) float64 { return truth(a < b) },
	">":  func(a, b float64) float64 { return truth(a > b) },
	"<=": func(a, b float64) float64 { return truth(a <= b) },
	">=": func(a, b float64) float64 { return truth(a >= b) },
	"==": func(a, b float64) float64 { return truth(a == b) },
	"!=": func(a, b float64) float64 { return truth(a != b) },
}

func each(v value, f func(float64) float64) value {
	if v.lines == nil {
		return value{number: f(v.number)}
	}
	out := value{lines: make([]line, len(v.lines)), array: v.array}
	for i, l := range v.lines {
		at := make(map[int64]float64, len(l.at))
		for t, x := range l.at {
			if y := f(x); !math.IsNaN(y) && !math.IsInf(y, 0) {
				at[t] = y
			}
		}
		out.lines[i] = line{l.period, l.label, at}
	}
	return out
}

// pair combines two values; lines meet where both have a point.
func (p *parser) pair(a, b value, f func(x, y float64) float64) (value, error) {
	switch {
	case b.lines == nil:
		return each(a, func(x float64) float64 { return f(x, b.number) }), nil
	case a.lines == nil:
		return each(b, func(y float64) float64 { return f(a.number, y) }), nil
	case len(a.lines) > 1 && len(b.lines) > 1:
		return value{}, p.fail("two arrays of time series cannot be combined")
	}
	out := value{array: a.array || b.array}
	for _, l := range a.lines {
		for _, m := range b.lines {
			n := line{max(l.period, m.period), l.label, map[int64]float64{}}
			for t, x := range l.at {
				if y, ok := m.at[t]; ok {
					if z := f(x, y); !math.IsNaN(z) && !math.IsInf(z, 0) {
						n.at[t] = z
					}
				}
			}
			out.lines = append(out.lines, n)
		}
	}
	return out, nil
}

func (p *parser) operand() (value, error) {
	p.skip()
	switch {
	case p.take("("):
		v, err := p.comparison()
		if err == nil && !p.take(")") {
			err = p.fail("a parenthesis is not closed")
		}
		return v, err
	case p.take("["):
		out := value{lines: []line{}, array: true}
		for {
			v, err := p.comparison()
			if err != nil {
				return value{}, err
			}
			if out.lines = append(out.lines, v.lines...); len(out.lines) > maxQueries {
				return value{}, p.fail("an array has more than %d time series", maxQueries)
			}
			if p.take("]") {
				return out, nil
			}
			if !p.take(",") {
				return value{}, p.fail("an array is not closed")
			}
		}
	case p.rest == "":
		return value{}, p.fail("it ends early")
	}
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return r > unicode.MaxASCII || !(unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '.')
	})
	if n < 0 {
		n = len(p.rest)
	}
	word := p.rest[:n]
	if n == 0 {
		return value{}, p.fail("unexpected %q", p.rest[:1])
	}
	p.rest = p.rest[n:]
	if f, err := strconv.ParseFloat(word, 64); err == nil && word[0] <= '9' {
		return value{number: f}, nil
	}
	if p.take("(") {
		return p.call(word)
	}
	return p.get(word)
}

// arity is how many arguments the functions take; METRICS may go without.
var arity = map[string]int{
	"ABS": 1, "AVG": 1, "CEIL": 1, "DATAPOINT_COUNT": 1, "FILL": 2, "FLOOR": 1, "IF": 3, "MAX": 1, "METRICS": 1, "MIN": 1, "PERIOD": 1, "RATE": 1, "SUM": 1,
}

// call reads a function's arguments and computes it.
func (p *parser) call(name string) (value, error) {
	n, known := arity[name]
	if !known {
		return value{}, p.fail("the sandbox does not have the function %s", name)
	}
	var args []value
	word := "" // a text, REPEAT or LINEAR among the arguments
	for !p.take(")") {
		if len(args) > 0 && !p.take(",") {
			return value{}, p.fail("the arguments of %s are not closed", name)
		}
		w, ok, err := p.word(name)
		v := value{}
		if ok {
			word = w
		} else if err == nil {
			v, err = p.comparison()
		}
		if err != nil {
			return value{}, err
		}
		args = append(args, v)
	}
	if len(args) != n && (name != "METRICS" || len(args) > 0) {
		return value{}, p.fail("%s takes %d arguments", name, n)
	}
	switch name {
	case "METRICS":
		out := value{lines: []line{}, array: true}
		for _, d := range p.list {
			if d.MetricStat == nil || !strings.Contains(*d.Id, word) {
				continue
			}
			v, err := p.get(*d.Id)
			if err != nil {
				return value{}, err
			}
			out.lines = append(out.lines, v.lines...)
		}
		return out, nil
	case "FILL":
		return p.fill(args[0], args[1], word)
	case "IF":
		return p.choose(args)
	case "PERIOD":
		if len(args[0].lines) != 1 {
			return value{}, p.fail("PERIOD takes a time series")
		}
		return value{number: float64(args[0].lines[0].period)}, nil
	case "RATE":
		return rate(args[0]), nil
	}
	if f := maps1[name]; f != nil {
		return each(args[0], f), nil
	}
	return fold(args[0], folds[name]), nil
}

// word reads an argument that is no value: a text in quotes, or how FILL fills.
func (p *parser) word(function string) (w string, ok bool, err error) {
	if function == "FILL" {
		for _, w := range []string{"REPEAT", "LINEAR"} {
			if p.take(w) {
				return w, true, nil
			}
		}
	}
	for _, quote := range []string{`"`, `'`} {
		if p.take(quote) {
			w, rest, closed := strings.Cut(p.rest, quote)
			if !closed {
				return "", false, p.fail("a text is not closed")
			}
			p.rest = rest
			return w, true, nil
		}
	}
	return "", false, nil
}

// maps1 are the functions of each point.
var maps1 = map[string]func(float64) float64{"ABS": math.Abs, "CEIL": math.Ceil, "FLOOR": math.Floor}

// folds are the functions that make one number of many.
var folds = map[string]func([]float64) float64{
	"SUM": func(f []float64) (s float64) {
		for _, x := range f {
			s += x
		}
		return s
	},
	"AVG": func(f []float64) float64 {
		s := 0.0
		for _, x := range f {
			s += x
		}
		return s / float64(len(f))
	},
	"MIN":             func(f []float64) float64 { return slices.Min(f) },
	"MAX":             func(f []float64) float64 { return slices.Max(f) },
	"DATAPOINT_COUNT": func(f []float64) float64 { return float64(len(f)) },
}

// fold makes one number of a line, or one line of several.
func fold(v value, f func([]float64) float64) value {
	switch {
	case len(v.lines) == 0:
		return v
	case !v.array && len(v.lines) == 1:
		all := slices.Collect(maps.Values(v.lines[0].at))
		if len(all) == 0 {
			return value{number: math.NaN()}
		}
		return value{number: f(all)}
	}
	columns := map[int64][]float64{}
	out := line{v.lines[0].period, v.lines[0].label, map[int64]float64{}}
	for _, l := range v.lines {
		out.period = max(out.period, l.period)
		for t, x := range l.at {
			columns[t] = append(columns[t], x)
		}
	}
	for t, column := range columns {
		out.at[t] = f(column)
	}
	return value{lines: []line{out}}
}

func rate(v value) value {
	out := value{array: v.array}
	for _, l := range v.lines {
		n := line{l.period, l.label, map[int64]float64{}}
		times := slices.Sorted(maps.Keys(l.at))
		for i := 1; i < len(times); i++ {
			n.at[times[i]] = (l.at[times[i]] - l.at[times[i-1]]) / float64(times[i]-times[i-1])
		}
		out.lines = append(out.lines, n)
	}
	return out
}

// choose is IF: where the condition is 0 the third argument, else the second.
func (p *parser) choose(args []value) (value, error) {
	if args[0].lines == nil {
		if args[0].number != 0 {
			return args[1], nil
		}
		return args[2], nil
	}
	for _, a := range args {
		if a.lines != nil && len(a.lines) != 1 {
			return value{}, p.fail("IF takes numbers and single time series")
		}
	}
	cond := args[0].lines[0]
	out := line{cond.period, cond.label, map[int64]float64{}}
	for t, x := range cond.at {
		v := args[1]
		if x == 0 {
			v = args[2]
		}
		if v.lines == nil {
			out.at[t] = v.number
		} else if y, ok := v.lines[0].at[t]; ok {
			out.at[t] = y
		}
	}
	return value{lines: []line{out}}, nil
}

// fill puts points where a line has none.
func (p *parser) fill(v, with value, word string) (value, error) {
	out := value{lines: []line{}, array: v.array}
	for _, l := range v.lines {
		from, to, err := p.from(l.period)
		if err != nil {
			return value{}, err
		}
		if (to-from)/l.period > maxDatapoints {
			return value{}, p.fail("FILL would make more than %d points", maxDatapoints)
		}
		n := line{l.period, l.label, maps.Clone(l.at)}
		times := slices.Sorted(maps.Keys(l.at))
		for t := from; t < to; t += l.period {
			if _, ok := l.at[t]; ok {
				continue
			}
			i, _ := slices.BinarySearch(times, t)
			switch {
			case word == "" && len(with.lines) == 1:
				if y, ok := with.lines[0].at[t]; ok {
					n.at[t] = y
				}
			case word == "":
				n.at[t] = with.number
			case i == 0: // nothing before it
			case word == "REPEAT":
				n.at[t] = l.at[times[i-1]]
			case i < len(times):
				a, b := times[i-1], times[i]
				n.at[t] = l.at[a] + (l.at[b]-l.at[a])*float64(t-a)/float64(b-a)
			}
		}
		out.lines = append(out.lines, n)
	}
	return out, nil
}
