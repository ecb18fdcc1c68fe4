package lesson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"workshop/internal/check"
	"workshop/internal/clean"
)

// maxCount is the most tasks that a step may ask for.
const maxCount = 100

// pageName is the form of a screen's name. Which screens there are is not known
// here: kit.Lint is given their names.
var pageName = regexp.MustCompile(`^[a-z][a-z-]*$`)

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlParser are complaints of the library's parser, which counts lines from 0
// where its scanner counts them from 1.
var yamlParser = regexp.MustCompile(`^did not find expected (?:node content|key|',' or|'-' indicator|<)`)

// yamlFault takes the line out of a YAML error's text, which is where the
// library puts it; 0 where it gives none.
func yamlFault(err error, src []byte) *Error {
	e := &Error{Msg: strings.TrimPrefix(clean.Line(err.Error()), "yaml: ")}
	if m := yamlLine.FindStringSubmatchIndex(e.Msg); m != nil {
		e.Line, _ = strconv.Atoi(e.Msg[m[2]:m[3]])
		e.Msg = e.Msg[m[1]:]
		if yamlParser.MatchString(e.Msg) {
			e.Line = min(e.Line+1, bytes.Count(bytes.TrimSpace(src), []byte("\n"))+1)
		}
	}
	if strings.Contains(e.Msg, "mapping values are not allowed") {
		e.Msg += " (text that holds a colon and a space needs quotes around it)"
	}
	return e
}

// front reads front matter. Keys at the top that it does not know are left
// alone, a site's generator has its own; below checks, quiz, solve and reset
// they are faults.
type front struct {
	*reading
	lines []string // of the front matter
}

// at is where a node stands in the file: the front matter begins on line 2.
func (f *front) at(n *yaml.Node) (line, column int) { return n.Line + 1, n.Column }

func (f *front) wrong(n *yaml.Node, format string, args ...any) {
	line, column := f.at(n)
	f.faults = append(f.faults, &Error{File: f.step.File, Line: line, Column: column, Msg: fmt.Sprintf(format, args...)})
}

// frontMatter reads what the step is described by. It reports whether the front
// matter could be read at all.
func (p *reading) frontMatter(src []byte) (ok bool) {
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		e := yamlFault(err, src)
		p.fault(e.Line+1, "the front matter cannot be read: %s", e.Msg)
		return false
	}
	if len(doc.Content) == 0 {
		return true
	}
	f := &front{reading: p, lines: strings.Split(string(src), "\n")}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		f.wrong(root, "the front matter must be keys and values, such as title: Deploy")
		return false
	}
	s := p.step
	for _, kv := range f.pairs(root) {
		line, column := f.at(kv.key)
		s.Keys = append(s.Keys, Key{clean.Line(kv.key.Value), line, column})
		switch kv.key.Value {
		case "title":
			s.Title = f.text(kv)
		case "estimate":
			if t := f.text(kv); t != "" {
				e, ok := parseEstimate(t)
				if !ok {
					f.wrong(kv.value, "estimate %q is not a number of minutes: write 15 or 15-20", t)
				}
				s.Estimate = e
			}
		case "page":
			if t := f.text(kv); pageName.MatchString(t) {
				s.Page = t
			} else if t != "" {
				f.wrong(kv.value, "%q is not the name of a page: write one in small letters, such as deploy", t)
			}
		case "goals":
			for _, n := range f.list(kv, "one goal a line, each after a hyphen") {
				if t := f.text(pair{kv.key, n}); t != "" {
					s.Goals = append(s.Goals, t)
				}
			}
		case "hints":
			for _, n := range f.list(kv, "one hint a line, each after a hyphen") {
				if t := f.inlineText(pair{kv.key, n}); len(t) > 0 {
					s.Hints = append(s.Hints, t)
				}
			}
		case "checks":
			f.checks(kv)
		case "quiz":
			f.quiz(kv)
		case "solve":
			s.Solve = f.actions(kv)
		case "reset":
			s.Reset = f.actions(kv)
		}
	}
	return true
}

// pair is a key of a mapping and its value.
type pair struct{ key, value *yaml.Node }

// pairs returns the pairs of a mapping, each key once.
func (f *front) pairs(m *yaml.Node) []pair {
	var out []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			f.wrong(k, "a key must be a word")
			continue
		}
		if seen[k.Value] {
			f.wrong(k, "%s stands here twice", clean.Line(k.Value))
			continue
		}
		seen[k.Value] = true
		out = append(out, pair{k, v})
	}
	return out
}

// mapping returns the pairs of n, which must be a mapping of the known keys.
func (f *front) mapping(n *yaml.Node, what string, known ...string) []pair {
	if n.Kind != yaml.MappingNode {
		f.wrong(n, "%s must have the keys %s", what, strings.Join(known, ", "))
		return nil
	}
	var out []pair
	for _, kv := range f.pairs(n) {
		ok := false
		for _, k := range known {
			ok = ok || k == kv.key.Value
		}
		if !ok {
			f.wrong(kv.key, "%s has no key %q; it has %s", what, clean.Line(kv.key.Value), strings.Join(known, ", "))
			continue
		}
		out = append(out, kv)
	}
	return out
}

func (f *front) list(kv pair, how string) []*yaml.Node {
	if kv.value.Kind == yaml.ScalarNode && kv.value.Tag == "!!null" {
		return nil
	}
	if kv.value.Kind != yaml.SequenceNode {
		f.wrong(kv.value, "%s must be a list, %s", kv.key.Value, how)
		return nil
	}
	return kv.value.Content
}

// text is a line of text.
func (f *front) text(kv pair) string {
	return clean.Line(strings.Join(strings.Fields(f.raw(kv)), " "))
}

func (f *front) inlineText(kv pair) []Span { return Inline(f.raw(kv)) }

// raw is a scalar as it stands. YAML takes what begins with one of []{}!&*|>%@`
// for something else, so the complaint says what to do about it.
func (f *front) raw(kv pair) string {
	if kv.value.Kind != yaml.ScalarNode {
		f.wrong(kv.value, "%s must be text: if it is, put it in quotes", clean.Line(kv.key.Value))
		return ""
	}
	if t := kv.value.Tag; t != "" && !strings.HasPrefix(t, "!!") {
		f.wrong(kv.value, "%s begins with a YAML tag: put it in quotes", clean.Line(kv.key.Value))
		return ""
	}
	if kv.value.Tag == "!!null" {
		return ""
	}
	return clean.Text(kv.value.Value)
}

func (f *front) bool(kv pair) bool {
	if kv.value.Tag != "!!bool" {
		f.wrong(kv.value, "%s must be true or false", kv.key.Value)
		return false
	}
	var b bool
	_ = kv.value.Decode(&b)
	return b
}

func (f *front) int(kv pair, least, most int) int {
	n, err := strconv.Atoi(kv.value.Value)
	if kv.value.Kind != yaml.ScalarNode || err != nil || n < least || n > most {
		f.wrong(kv.value, "%s must be a whole number from %d to %d", kv.key.Value, least, most)
		return least
	}
	return n
}

func (f *front) duration(kv pair, most time.Duration) time.Duration {
	d, err := time.ParseDuration(kv.value.Value)
	if kv.value.Kind != yaml.ScalarNode || err != nil || d <= 0 || d > most {
		f.wrong(kv.value, "%s must be a length of time up to %s, such as 10s", kv.key.Value, most)
		return 0
	}
	return d
}

// expression is the text of an expression and where it begins.
func (f *front) expression(kv pair) (src string, line, column int) {
	src = strings.TrimSpace(f.raw(kv))
	line, column = f.at(kv.value)
	switch kv.value.Style {
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		column++
	case yaml.LiteralStyle, yaml.FoldedStyle:
		// The node is the bar or the angle; its text is on the next line.
		if i := kv.value.Line; i < len(f.lines) {
			line++
			text := f.lines[i]
			column = 1 + utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t"))
		}
	}
	return src, line, column
}

func (f *front) checks(kv pair) {
	ids := map[string]bool{}
	for _, n := range f.list(kv, "one check an entry") {
		var c Check
		c.Line, c.Column = f.at(n)
		for _, kv := range f.mapping(n, "a check", "id", "title", "that", "else", "timeout", "retry") {
			switch kv.key.Value {
			case "id":
				c.ID = f.text(kv)
			case "title":
				c.Title = f.text(kv)
			case "that":
				c.That, c.Line, c.Column = f.expression(kv)
			case "else":
				c.Else = strings.TrimSpace(f.raw(kv))
			case "timeout":
				c.Timeout = f.duration(kv, check.MaxTimeout)
			case "retry":
				c.Retry = f.int(kv, 0, check.MaxRetry)
			}
		}
		if n.Kind != yaml.MappingNode {
			continue
		}
		if c.That == "" {
			f.wrong(n, "the check says nothing: write that: and an expression")
			continue
		}
		if c.ID == "" {
			c.ID = slug(c.Title)
		}
		switch {
		case c.ID == "":
			f.wrong(n, "the check has no id")
			continue
		case ids[c.ID]:
			f.wrong(n, "another check of this step has the id %q", c.ID)
			continue
		}
		ids[c.ID] = true
		if c.Title == "" {
			c.Title = titleFromID(c.ID)
		}
		f.step.Checks = append(f.step.Checks, c)
	}
}

func (f *front) quiz(kv pair) {
	for _, n := range f.list(kv, "one question an entry") {
		var q Question
		q.Line, _ = f.at(n)
		right := false
		for _, kv := range f.mapping(n, "a question", "ask", "answers") {
			if kv.key.Value == "ask" {
				q.Ask = f.inlineText(kv)
				continue
			}
			for _, n := range f.list(kv, "one answer an entry") {
				var a Answer
				for _, kv := range f.mapping(n, "an answer", "text", "right", "why") {
					switch kv.key.Value {
					case "text":
						a.Text = f.inlineText(kv)
					case "right":
						a.Right = f.bool(kv)
					case "why":
						a.Why = f.inlineText(kv)
					}
				}
				if len(a.Text) == 0 && n.Kind == yaml.MappingNode {
					f.wrong(n, "the answer has no text")
					continue
				}
				right = right || a.Right
				q.Answers = append(q.Answers, a)
			}
		}
		switch {
		case n.Kind != yaml.MappingNode:
			continue
		case len(q.Ask) == 0:
			f.wrong(n, "the question does not ask anything: write ask:")
			continue
		case len(q.Answers) < 2:
			f.wrong(n, "a question needs two answers at least")
			continue
		case !right:
			f.wrong(n, "no answer is right: mark one with right: true")
		}
		f.step.Quiz = append(f.step.Quiz, q)
	}
}

// verbs are what solve and reset can do.
var verbs = []string{"plan", "deploy", "destroy", "run", "set", "scale", "stop_task", "restore", "wait"}

func (f *front) actions(kv pair) []Action {
	var out []Action
	for _, n := range f.list(kv, "one action an entry") {
		a := Action{}
		a.Line, a.Column = f.at(n)
		count, before := 0, len(f.faults)
		for _, kv := range f.mapping(n, "an action of "+kv.key.Value, append([]string{"say", "if"}, verbs...)...) {
			switch kv.key.Value {
			case "say":
				a.Say = f.inlineText(kv)
				continue
			case "if":
				a.If, _, _ = f.expression(kv)
				continue
			}
			if count++; count > 1 {
				f.wrong(kv.key, "an action does one thing: begin a new entry for %s", kv.key.Value)
				break
			}
			f.action(&a, kv)
		}
		if count == 0 && len(f.faults) == before {
			f.wrong(n, "the action does nothing: write one of %s", strings.Join(verbs, ", "))
		}
		if a.Verb != "" {
			out = append(out, a)
		}
	}
	return out
}

// action reads what one action does; Verb stays empty where that is not clear.
func (f *front) action(a *Action, kv pair) {
	before := len(f.faults)
	verb := Verb(kv.key.Value)
	switch verb {
	case Deploy:
		if kv.value.Kind == yaml.MappingNode {
			f.within(a, kv.value, "deploy", "may_fail", "until", "timeout")
		} else if !f.bool(kv) {
			f.wrong(kv.value, "deploy: true plans and applies; leave the entry out where it should not")
		}
	case MakePlan:
		if !f.bool(kv) {
			f.wrong(kv.value, "plan: true makes a plan; leave the entry out where it should not")
		}
	case Destroy:
		if !f.bool(kv) {
			f.wrong(kv.value, "destroy: true removes everything; leave the entry out where it should not")
		}
	case Run:
		if a.Command = strings.TrimSpace(f.raw(kv)); a.Command == "" {
			f.wrong(kv.value, "there is no command to run")
		}
	case Set:
		if kv.value.Kind != yaml.MappingNode || len(kv.value.Content) == 0 {
			f.wrong(kv.value, "set must have variables and values, such as {desired_count: 3}")
			break
		}
		for _, kv := range f.pairs(kv.value) {
			a.Settings = append(a.Settings, Setting{clean.Line(kv.key.Value), f.value(kv)})
		}
	case Scale:
		a.Count = f.int(kv, 0, maxCount)
	case StopTask:
		if a.Name = f.text(kv); a.Name != "oldest" && a.Name != "newest" {
			f.wrong(kv.value, "stop_task must be oldest or newest")
		}
	case Restore:
		if kv.value.Kind == yaml.ScalarNode {
			a.Names = []string{f.text(kv)}
			break
		}
		for _, n := range f.list(kv, "of variables and files, or all") {
			a.Names = append(a.Names, f.text(pair{kv.key, n}))
		}
		if len(a.Names) == 0 {
			f.wrong(kv.value, "restore says what: variables and files, or all")
		}
	case Wait:
		if kv.value.Kind == yaml.MappingNode {
			f.within(a, kv.value, "wait", "until", "timeout")
		} else {
			a.Until.That, a.Line, a.Column = f.expression(kv)
		}
		if a.Until.That == "" {
			f.wrong(kv.value, "wait says until when: write an expression")
		}
	}
	if len(f.faults) == before {
		a.Verb = verb
	}
}

func (f *front) within(a *Action, n *yaml.Node, what string, keys ...string) {
	for _, kv := range f.mapping(n, what, keys...) {
		switch kv.key.Value {
		case "may_fail":
			a.MayFail = f.bool(kv)
		case "until":
			a.Until.That, a.Line, a.Column = f.expression(kv)
		case "timeout":
			a.Until.Timeout = f.duration(kv, maxWait)
		}
	}
}

// maxWait bounds how long a solve may wait for one thing.
const maxWait = 15 * time.Minute

// value is a value of a variable: text, or an expression that Terraform reads
// the same, which JSON is.
func (f *front) value(kv pair) string {
	switch kv.value.Kind {
	case yaml.ScalarNode:
		if kv.value.Tag == "!!null" {
			return "null"
		}
		return f.raw(kv)
	case yaml.SequenceNode, yaml.MappingNode:
		var v any
		if !hasAlias(kv.value) && kv.value.Decode(&v) == nil {
			if text, err := json.Marshal(v); err == nil {
				return clean.Line(string(text))
			}
		}
	}
	f.wrong(kv.value, "the value of %s cannot be read", clean.Line(kv.key.Value))
	return ""
}

// hasAlias reports whether a value refers to others, which could make it grow
// without end.
func hasAlias(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	for _, c := range n.Content {
		if hasAlias(c) {
			return true
		}
	}
	return false
}
