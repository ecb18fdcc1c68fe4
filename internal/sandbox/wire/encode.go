package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// appendJSON appends v in the JSON 1.1 protocol: times are seconds since 1970
// with milliseconds.
func appendJSON(b []byte, v reflect.Value, c Casing) []byte {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return appendJSON(b, v.Elem(), c)
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(b, f, 'g', -1, 64)
		}
		return append(b, "null"...)
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return strconv.AppendFloat(b, float64(t.UnixMilli())/1000, 'f', -1, 64)
		}
		b = append(b, '{')
		first := true
		for _, f := range fields(v.Type(), c) {
			m := v.Field(f.index)
			if absent(m) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(append(append(b, '"'), f.name...), '"', ':')
			b = appendJSON(b, m, c)
		}
		return append(b, '}')
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return appendString(b, base64.StdEncoding.EncodeToString(v.Bytes()))
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, v.Index(i), c)
		}
		return append(b, ']')
	case reflect.Map:
		keys := make([]string, 0, v.Len())
		for _, k := range v.MapKeys() {
			keys = append(keys, k.String())
		}
		slices.Sort(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, k), ':')
			b = appendJSON(b, v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())), c)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...)
	}
	return append(b, q...)
}

// xmlStyle is how a query service writes its answers.
type xmlStyle struct {
	casing Casing
	item   string // what a list's entries are called
}

// members writes the members of v, a struct, as elements.
func (x xmlStyle) members(b *bytes.Buffer, v reflect.Value) {
	for _, f := range fields(v.Type(), x.casing) {
		m := v.Field(f.index)
		// EC2 sends an empty list as an empty element.
		if absent(m) && !(x.item == "item" && m.Kind() == reflect.Slice) {
			continue
		}
		x.element(b, f.name, m)
	}
}

func (x xmlStyle) element(b *bytes.Buffer, name string, v reflect.Value) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	b.WriteByte('<')
	b.WriteString(name)
	b.WriteByte('>')
	x.content(b, v)
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}

func (x xmlStyle) content(b *bytes.Buffer, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		xml.EscapeText(b, []byte(v.String()))
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int32, reflect.Int64:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Float32, reflect.Float64:
		b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			b.WriteString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
			return
		}
		x.members(b, v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b.WriteString(base64.StdEncoding.EncodeToString(v.Bytes()))
			return
		}
		for i := range v.Len() {
			x.element(b, x.item, v.Index(i))
		}
	case reflect.Map:
		keys := make([]string, 0, v.Len())
		for _, k := range v.MapKeys() {
			keys = append(keys, k.String())
		}
		slices.Sort(keys)
		for _, k := range keys {
			b.WriteString("<entry>")
			x.element(b, "key", reflect.ValueOf(k))
			x.element(b, "value", v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())))
			b.WriteString("</entry>")
		}
	}
}
