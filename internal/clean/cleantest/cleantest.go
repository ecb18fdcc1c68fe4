// Package cleantest fills the answers of others with hostile text, so that tests
// can look at the bytes that reach a terminal.
package cleantest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Mark is in every hostile text and harmless itself.
const Mark = "h0stile"

// Text is hostile: escape sequences that clear the screen, write to the
// clipboard, or begin a device string; the same in C1; DEL, bidirectional
// overrides, isolates and marks; other controls, and bytes that are no UTF-8.
const Text = "\x1b[2J\x1b]52;c;aDBzdGlsZQ==\x07\x1b]8;;http://x\x1b\\\x1bP1$q\x1b\\\x1b_G\x1b\\" +
	"\u009b31m\u009d52;c;x\u009c\u0090\x7f\u202e\u2066\u200f\u061c\a\b\r\x00\x9b2J" + Mark

// paging are fields that say that a list goes on, beside NextToken and the like.
var paging = []string{"Marker", "IsTruncated", "PaginationToken"}

// depth bounds Fill in types that contain themselves.
const depth = 12

// Fill sets every exported field that v points to, however deep: strings to
// Text, except for those of the fields that as names; numbers to 1, times to
// noon, and one element in every slice and map. Fields that say that a list goes
// on stay empty.
func Fill(v any, as map[string]string) { fill(reflect.ValueOf(v).Elem(), "", as, depth) }

func fill(v reflect.Value, name string, as map[string]string, left int) {
	if left == 0 || !v.CanSet() || strings.HasPrefix(name, "Next") || slices.Contains(paging, name) || name == "ResultMetadata" {
		return
	}
	switch v.Kind() {
	case reflect.String:
		text, ok := as[name]
		if !ok {
			text = Text
		}
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, as, left-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name, as, left-1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), name, as, left-1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, "", as, left-1)
		fill(value, name, as, left-1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), f.Name, as, left-1)
			}
		}
	case reflect.Interface:
		switch {
		case v.NumMethod() == 0:
			v.Set(reflect.ValueOf(Text))
		case v.Type() == reflect.TypeFor[error]():
			v.Set(reflect.ValueOf(fmt.Errorf("%s", Text)))
		}
	}
}

// Check returns an error that names the first character of raw that no terminal
// should get, and what stands around it. Newlines are fine, and so are the
// escape sequences of style that begin with "\x1b[" and end with "m" where
// styled is set.
func Check(raw string, styled bool) error {
	for i, r := range raw {
		if r == 0x1b && styled && style(raw[i:]) {
			continue
		}
		_, n := utf8.DecodeRuneInString(raw[i:])
		if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError && n == 1 {
			return fmt.Errorf("%U at byte %d: %q", r, i, raw[max(0, i-60):min(len(raw), i+20)])
		}
	}
	return nil
}

func style(s string) bool {
	rest, ok := strings.CutPrefix(s, "\x1b[")
	end := strings.TrimLeft(rest, "0123456789;:")
	return ok && strings.HasPrefix(end, "m")
}
