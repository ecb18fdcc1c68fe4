package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A request of any protocol is first a tree of map[string]any, []any, string,
// json.Number, bool and nil; assign then fills the operation's input with it.

// maxDepth bounds the nesting of what a client may send.
const maxDepth = 32

// malformed is a request that does not fit the operation's shape.
type malformed struct{ path, want string }

func (m *malformed) Error() string {
	return fmt.Sprintf("%s must be %s", strings.TrimPrefix(m.path, "."), m.want)
}

// assign fills v, which must be settable, from a tree.
func assign(tree any, v reflect.Value, c Casing, path string) error {
	if tree == nil {
		return nil
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		if err := assign(tree, p.Elem(), c, path); err != nil {
			return err
		}
		v.Set(p)
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		switch t := tree.(type) {
		case string:
			v.SetString(t)
		case json.Number:
			v.SetString(t.String())
		default:
			return &malformed{path, "a string"}
		}
	case reflect.Bool:
		switch t := tree.(type) {
		case bool:
			v.SetBool(t)
		case string:
			b, err := strconv.ParseBool(t)
			if err != nil {
				return &malformed{path, "true or false"}
			}
			v.SetBool(b)
		default:
			return &malformed{path, "true or false"}
		}
	case reflect.Int32, reflect.Int64, reflect.Int:
		n, ok := integer(tree)
		if !ok || v.OverflowInt(n) {
			return &malformed{path, "a whole number"}
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		f, ok := float(tree)
		if !ok {
			return &malformed{path, "a number"}
		}
		v.SetFloat(f)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			t, ok := timestamp(tree)
			if !ok {
				return &malformed{path, "a timestamp"}
			}
			v.Set(reflect.ValueOf(t))
			return nil
		}
		m, ok := tree.(map[string]any)
		if s, is := tree.(string); is && s == "" {
			m, ok = nil, true // a query client's way to send an empty structure
		}
		if !ok {
			return &malformed{path, "a structure"}
		}
		taken := 0
		for _, f := range fields(v.Type(), c) {
			if sub, ok := lookup(m, f.name); ok {
				taken++
				if err := assign(sub, v.Field(f.index), c, path+"."+f.name); err != nil {
					return err
				}
			}
		}
		if taken < len(m) && !whole(v.Type()) {
			if name, ok := unknown(m, fields(v.Type(), c)); ok {
				return Errorf("UnknownParameter", "The sandbox does not know the parameter %s", strings.TrimPrefix(path+"."+name, "."))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			s, ok := tree.(string)
			b, err := base64.StdEncoding.DecodeString(s)
			if !ok || err != nil {
				return &malformed{path, "base64"}
			}
			v.SetBytes(b)
			return nil
		}
		items, ok := list(tree)
		if !ok {
			return &malformed{path, "a list"}
		}
		out := reflect.MakeSlice(v.Type(), len(items), len(items))
		for i, item := range items {
			if err := assign(item, out.Index(i), c, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		v.Set(out)
	case reflect.Map:
		m, ok := mapping(tree)
		if !ok || v.Type().Key().Kind() != reflect.String {
			return &malformed{path, "a map"}
		}
		out := reflect.MakeMapWithSize(v.Type(), len(m))
		for k, item := range m {
			e := reflect.New(v.Type().Elem()).Elem()
			if err := assign(item, e, c, path+"."+k); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), e)
		}
		v.Set(out)
	default:
		// A union of the SDK or an open document: no operation here reads one.
	}
	return nil
}

func integer(tree any) (int64, bool) {
	switch t := tree.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, true
		}
		f, err := t.Float64()
		return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
	case string:
		n, err := strconv.ParseInt(t, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func float(tree any) (float64, bool) {
	switch t := tree.(type) {
	case json.Number:
		f, err := t.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(t, 64)
		return f, err == nil
	}
	return 0, false
}

// timestamp reads seconds since 1970, with a fraction, or ISO 8601.
func timestamp(tree any) (time.Time, bool) {
	switch t := tree.(type) {
	case time.Time:
		return t, true
	case json.Number:
		f, err := t.Float64()
		if err != nil || math.Abs(f) > 1e12 {
			return time.Time{}, false
		}
		sec, frac := math.Modf(f)
		return time.Unix(int64(sec), int64(math.Round(frac*1e3))*1e6).UTC(), true
	case string:
		at, err := time.Parse(time.RFC3339Nano, t)
		return at.UTC(), err == nil
	}
	return time.Time{}, false
}

// list reads a JSON array, or a query list: X.member.1, X.item.1 and X.1 all
// stand for the first entry of X.
func list(tree any) ([]any, bool) {
	switch t := tree.(type) {
	case []any:
		return t, true
	case string:
		return nil, t == ""
	case map[string]any:
		for _, wrapper := range []string{"member", "item", "entry"} {
			if inner, ok := t[wrapper]; ok && len(t) == 1 {
				return list(inner)
			}
		}
		keys := make([]int, 0, len(t))
		for k := range t {
			n, err := strconv.Atoi(k)
			if err != nil {
				return nil, false
			}
			keys = append(keys, n)
		}
		slices.Sort(keys)
		out := make([]any, len(keys))
		for i, k := range keys {
			out[i] = t[strconv.Itoa(k)]
		}
		return out, true
	}
	return nil, false
}

// mapping reads a JSON object, or a query map (Smithy, "AWS query protocol"):
// X.entry.1.key and X.entry.1.value, or without entry, are the first entry of X.
func mapping(tree any) (map[string]any, bool) {
	m, ok := tree.(map[string]any)
	if !ok {
		return nil, tree == ""
	}
	if inner, ok := m["entry"].(map[string]any); ok && len(m) == 1 {
		m = inner
	}
	out := make(map[string]any, len(m))
	for n, entry := range m {
		e, ok := entry.(map[string]any)
		k, isKey := e["key"].(string)
		if _, err := strconv.Atoi(n); !ok || !isKey || err != nil {
			return tree.(map[string]any), true // not a query's
		}
		out[k] = e["value"]
	}
	return out, true
}

// queryTree turns the parameters of a query request into a tree.
func queryTree(form url.Values) (map[string]any, error) {
	root := map[string]any{}
	for key, values := range form {
		if key == "Action" || key == "Version" || len(values) == 0 {
			continue
		}
		parts := strings.Split(key, ".")
		if len(parts) > maxDepth {
			return nil, &malformed{key[:min(len(key), 64)], "less deeply nested"}
		}
		at := root
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				if at[p] != nil && at[p] != "" {
					return nil, &malformed{key, "either a value or a structure"}
				}
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		leaf := parts[len(parts)-1]
		if _, taken := at[leaf].(map[string]any); !taken {
			at[leaf] = values[0]
		}
	}
	return root, nil
}

// jsonTree reads a JSON request; an empty body is an empty structure.
func jsonTree(body []byte) (map[string]any, error) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return map[string]any{}, nil
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var tree map[string]any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("more than one value in the body")
	}
	return tree, nil
}
