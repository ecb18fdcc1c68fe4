package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"workshop/internal/sandbox/model"
)

// A violation is a part of a request that does not fit the operation's model.
type violation struct {
	member string   // the part's path in AWS's form, tags.1.member.key
	leaf   string   // the last member in the path
	value  string   // " 'x'" or " null"; "" for what has no text
	rules  []string // "have length less than or equal to 128"
	within string   // "Map keys must satisfy constraint: [", for what has no path of its own
	number bool
	text   string // the service's own
}

func (v *violation) String() string {
	if v.within == "" {
		return "Value" + v.value + " at '" + v.member + "' failed to satisfy constraint: Member must " + v.rules[0]
	}
	return "Value" + v.value + " at '" + v.member + "' failed to satisfy constraint: " + v.within + ": [Member must " + strings.Join(v.rules, ", Member must ") + "]"
}

// maxViolations bounds how many violations of one request are looked for.
const maxViolations = 20

// inspection walks a request along its model.
type inspection struct {
	found []violation
}

// violations returns what in a request does not fit the constraints of shape, at most
// maxViolations of them. What is of another type than the model's is not its concern.
func violations(shape *model.Shape, tree any) []violation {
	var i inspection
	i.value(shape, tree, path{})
	return i.found
}

// path leads to a part of a request. Most parts are fine, so that the text is
// made only when it is needed.
type path struct {
	outer *path
	name  string // of a member in the model, or a map's key
	key   bool   // name is a map's key
	index int    // in a list, from 1
}

func (p *path) String() string {
	switch {
	case p == nil || p.outer == nil && p.name == "":
		return ""
	case p.index > 0:
		return p.outer.String() + "." + strconv.Itoa(p.index) + ".member"
	}
	name := p.name
	if !p.key {
		name = lowerFirst(name)
	}
	if before := p.outer.String(); before != "" {
		return before + "." + name
	}
	return name
}

// leaf is the nearest member's name.
func (p *path) leaf() string {
	for p.index > 0 || p.key {
		p = p.outer
	}
	return lowerFirst(p.name)
}

func (i *inspection) add(p *path, v violation) {
	if len(i.found) < maxViolations {
		v.member, v.leaf = p.String(), p.leaf()
		i.found = append(i.found, v)
	}
}

func (i *inspection) value(s *model.Shape, tree any, at path) {
	if s == nil || tree == nil || len(i.found) == maxViolations {
		return
	}
	switch s.Type {
	case model.Structure:
		m, ok := tree.(map[string]any)
		if text, is := tree.(string); !ok && (!is || text != "") {
			return
		}
		i.members(s, m, at)
	case model.List:
		if items, ok := list(tree); ok {
			i.list(s, items, at)
		}
	case model.Map:
		if m, ok := mapping(tree); ok {
			i.mapping(s, m, at)
		}
	default:
		for _, r := range broken(s, tree) {
			v := violation{value: " '" + text(tree) + "'", rules: []string{r}, number: s.Type == model.Number}
			if s.Text != "" && !strings.HasPrefix(r, "have ") {
				v.text = strings.NewReplacer("{value}", text(tree), "{member}", at.leaf()).Replace(s.Text)
			}
			i.add(&at, v)
		}
	}
}

func (i *inspection) members(s *model.Shape, m map[string]any, at path) {
	for n := range s.Members {
		member := &s.Members[n]
		name := member.Wire
		if name == "" {
			name = member.Name
		}
		v, ok := lookup(m, name)
		switch {
		case ok && v != nil:
			i.value(member.Shape, v, path{outer: &at, name: member.Name})
		case member.Required:
			i.add(&path{outer: &at, name: member.Name}, violation{value: " null", rules: []string{"not be null"}})
		}
	}
}

func (i *inspection) list(s *model.Shape, items []any, at path) {
	if r := length(s, len(items)); r != "" {
		i.add(&at, violation{value: texts(items), rules: []string{r}})
	}
	if s.Value == nil || s.Value.Shape == nil {
		return
	}
	of := s.Value.Shape
	for n, item := range items {
		if of.Type == model.String || of.Type == model.Number {
			// Entries that are values have no path of their own.
			if len(broken(of, item)) > 0 {
				i.add(&at, violation{value: texts(items), within: "Member must satisfy constraint", rules: rules(of)})
				return
			}
			continue
		}
		i.value(of, item, path{outer: &at, index: n + 1})
	}
}

func (i *inspection) mapping(s *model.Shape, m map[string]any, at path) {
	if r := length(s, len(m)); r != "" {
		i.add(&at, violation{rules: []string{r}})
	}
	badKey, badValue := false, false
	for k, v := range m {
		if s.Key != nil && s.Key.Shape != nil && len(broken(s.Key.Shape, k)) > 0 {
			badKey = true
		}
		if s.Value == nil || s.Value.Shape == nil {
			continue
		}
		if of := s.Value.Shape; of.Type != model.String && of.Type != model.Number {
			i.value(of, v, path{outer: &at, name: k, key: true})
		} else if len(broken(of, v)) > 0 {
			badValue = true
		}
	}
	if badKey {
		i.add(&at, violation{within: "Map keys must satisfy constraint", rules: rules(s.Key.Shape)})
	}
	if badValue {
		i.add(&at, violation{within: "Map value must satisfy constraint", rules: rules(s.Value.Shape)})
	}
}

// broken returns the rules that a string or number breaks.
func broken(s *model.Shape, tree any) (out []string) {
	if s.Type == model.Number {
		n, ok := float(tree)
		if !ok {
			return nil
		}
		if s.Max != nil && n > *s.Max {
			out = append(out, atMost("value", *s.Max))
		}
		if s.Min != nil && n < *s.Min {
			out = append(out, atLeast("value", *s.Min))
		}
		return out
	}
	t, ok := tree.(string)
	if !ok {
		return nil
	}
	if s.Max != nil || s.Min != nil {
		if r := length(s, utf8.RuneCountInString(t)); r != "" {
			out = append(out, r)
		}
	}
	if !s.Matches(t) {
		out = append(out, pattern(s))
	}
	if s.Enum != nil && !slices.Contains(s.Enum, t) {
		out = append(out, enum(s))
	}
	return out
}

// rules are all that a string or number must satisfy, in AWS's order.
func rules(s *model.Shape) (out []string) {
	what := "length"
	if s.Type == model.Number {
		what = "value"
	}
	if s.Max != nil {
		out = append(out, atMost(what, *s.Max))
	}
	if s.Min != nil {
		out = append(out, atLeast(what, *s.Min))
	}
	if s.Pattern != "" {
		out = append(out, pattern(s))
	}
	if s.Enum != nil {
		out = append(out, enum(s))
	}
	return out
}

func length(s *model.Shape, n int) string {
	switch {
	case s.Max != nil && n > int(*s.Max):
		return atMost("length", *s.Max)
	case s.Min != nil && n < int(*s.Min):
		return atLeast("length", *s.Min)
	}
	return ""
}

func atMost(what string, n float64) string {
	return "have " + what + " less than or equal to " + strconv.FormatFloat(n, 'f', -1, 64)
}

func atLeast(what string, n float64) string {
	return "have " + what + " greater than or equal to " + strconv.FormatFloat(n, 'f', -1, 64)
}

func pattern(s *model.Shape) string { return "satisfy regular expression pattern: " + s.Pattern }

func enum(s *model.Shape) string {
	return "satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
}

func text(tree any) string { return fmt.Sprint(tree) }

// texts is a list of values as AWS prints it; a list of structures is not printed.
func texts(items []any) string {
	var out []string
	for _, item := range items {
		switch item.(type) {
		case map[string]any, []any:
			return ""
		}
		out = append(out, text(item))
	}
	return " '[" + strings.Join(out, ", ") + "]'"
}

func lowerFirst(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}

// constraintCodes are the codes of requests that do not fit the model, by service.
// The services that are not here have ValidationError (API References, "Common
// errors").
var constraintCodes = map[string]string{
	"application-autoscaling": "ValidationException",
	// AWS documents InvalidParameterException for a parameter that is not valid, and
	// no text for an enumeration: that is ours.
	"ecs":           "InvalidParameterException",
	"logs":          "InvalidParameterException",
	"scheduler":     "ValidationException",
	"servicequotas": "IllegalArgumentException",
	"tagging":       "InvalidParameterException",
}

// check holds a request against the model of its operation.
func (c *call) check() error {
	shape := model.Input(c.svc.Name, c.op)
	if shape == nil {
		return nil
	}
	found := violations(shape, c.tree)
	if len(found) == 0 {
		return nil
	}
	// What a service checks in its own words it checks after the rest.
	if usual := slices.DeleteFunc(slices.Clone(found), func(v violation) bool { return v.text != "" }); len(usual) > 0 {
		found = usual
	}
	if c.svc.Protocol == EC2 {
		return ec2Refusal(&found[0])
	}
	if v := &found[0]; c.svc.Name == "monitoring" && v.value == " null" {
		return Errorf("MissingRequiredParameterException", "The parameter %s is required.", cloudWatchName(v.member))
	}
	code := cmp.Or(constraintCodes[c.svc.Name], "ValidationError")
	if found[0].text != "" {
		return Errorf(code, "%s", found[0].text)
	}
	var b strings.Builder
	plural := "s"
	if len(found) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "%d validation error%s detected: ", len(found), plural)
	for n := range found {
		if n > 0 {
			b.WriteString("; ")
		}
		b.WriteString(found[n].String())
	}
	return Errorf(code, "%s", b.String())
}

// cloudWatchName is a path as CloudWatch has it in its texts: MetricData.member.1.MetricName.
func cloudWatchName(member string) string {
	var out []string
	parts := strings.Split(member, ".")
	for n := 0; n < len(parts); n++ {
		if n+1 < len(parts) && parts[n+1] == "member" {
			out = append(out, "member", parts[n])
			n++
			continue
		}
		r, size := utf8.DecodeRuneInString(parts[n])
		out = append(out, string(unicode.ToUpper(r))+parts[n][size:])
	}
	return strings.Join(out, ".")
}

// ec2Refusal has EC2's words (API Reference, "Error codes": InvalidParameterValue and
// MissingParameter), which are of one parameter.
func ec2Refusal(v *violation) error {
	switch {
	case v.text != "":
		return Errorf("InvalidParameterValue", "%s", v.text)
	case v.value == " null":
		return Errorf("MissingParameter", "The request must contain the parameter %s", v.leaf)
	case v.number:
		bound := strings.NewReplacer("have value", "Expecting a value", " or equal to", "").Replace(v.rules[0])
		return Errorf("InvalidParameterValue", "Value ( %s ) for parameter %s is invalid. %s.", strings.Trim(v.value, " '"), v.leaf, bound)
	}
	return Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", strings.Trim(v.value, " '[]"), v.leaf)
}
