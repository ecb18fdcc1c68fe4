package wire

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// rpcV2CBOR is the header's value by which a client asks for Smithy's RPC
// protocol with CBOR bodies (smithy.io, "Smithy RPC v2 CBOR").
const rpcV2CBOR = "rpc-v2-cbor"

func speaksCBOR(r *http.Request) bool { return r.Header.Get("Smithy-Protocol") == rpcV2CBOR }

// cborOperation reads /service/Service/operation/Operation.
func cborOperation(path string) (service, operation string, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "service" || parts[3] != "operation" {
		return "", "", false
	}
	return parts[2], parts[4], true
}

var cborReader = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		MaxNestedLevels: maxDepth, MaxArrayElements: maxBody, MaxMapPairs: maxBody,
		DupMapKey: cbor.DupMapKeyEnforcedAPF, DefaultMapType: reflect.TypeFor[map[string]any](),
		// A timestamp is tag 1; the library then reads it as a time.Time.
		TimeTag: cbor.DecTagOptional,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// cborTree reads a CBOR request; an empty body is an empty structure.
func cborTree(body []byte) (map[string]any, error) {
	if len(body) == 0 {
		return map[string]any{}, nil
	}
	var tree map[string]any
	if err := cborReader.Unmarshal(body, &tree); err != nil {
		return nil, err
	}
	out, err := plain(tree)
	if err != nil {
		return nil, err
	}
	m, _ := out.(map[string]any)
	return m, nil
}

// plain brings what the CBOR library reads to what assign takes.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case time.Time:
		return v.UTC(), nil
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), nil
	case []byte:
		return base64.StdEncoding.EncodeToString(v), nil
	case []any:
		for i := range v {
			p, err := plain(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = p
		}
		return v, nil
	case map[string]any:
		for k := range v {
			p, err := plain(v[k])
			if err != nil {
				return nil, err
			}
			v[k] = p
		}
		return v, nil
	}
	return nil, fmt.Errorf("a value of type %T has no place in a request", v)
}

// CBOR's major types, as they stand in an item's first byte.
const (
	cborUint   = 0 << 5
	cborNegInt = 1 << 5
	cborBytes  = 2 << 5
	cborText   = 3 << 5
	cborList   = 4 << 5
	cborMap    = 5 << 5
	cborTag    = 6 << 5
	cborSimple = 7 << 5
)

func cborHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// cborString appends a text, which may hold what a client sent in another protocol.
func cborString(b []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return append(cborHead(b, cborText, uint64(len(s))), s...)
}

func cborFloat(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, cborSimple|27), math.Float64bits(f))
}

// appendCBOR appends v: times are tag 1 over seconds since 1970 with
// milliseconds.
func appendCBOR(b []byte, v reflect.Value, c Casing) []byte {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return appendCBOR(b, v.Elem(), c)
		}
	case reflect.String:
		return cborString(b, v.String())
	case reflect.Bool:
		if v.Bool() {
			return append(b, cborSimple|21)
		}
		return append(b, cborSimple|20)
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < 0 {
			return cborHead(b, cborNegInt, uint64(-(n + 1)))
		}
		return cborHead(b, cborUint, uint64(v.Int()))
	case reflect.Float32, reflect.Float64:
		return cborFloat(b, v.Float())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return cborFloat(append(b, cborTag|1), float64(t.UnixMilli())/1000)
		}
		all := fields(v.Type(), c)
		n := uint64(0)
		for _, f := range all {
			if !absent(v.Field(f.index)) {
				n++
			}
		}
		b = cborHead(b, cborMap, n)
		for _, f := range all {
			if m := v.Field(f.index); !absent(m) {
				b = appendCBOR(cborString(b, f.name), m, c)
			}
		}
		return b
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(cborHead(b, cborBytes, uint64(v.Len())), v.Bytes()...)
		}
		b = cborHead(b, cborList, uint64(v.Len()))
		for i := range v.Len() {
			b = appendCBOR(b, v.Index(i), c)
		}
		return b
	case reflect.Map:
		b = cborHead(b, cborMap, uint64(v.Len()))
		for it := v.MapRange(); it.Next(); {
			b = appendCBOR(cborString(b, it.Key().String()), it.Value(), c)
		}
		return b
	}
	return append(b, cborSimple|22) // null
}

func writeCBOR(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Smithy-Protocol", rpcV2CBOR)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// cborError is an error's body.
func cborError(e *Error) []byte {
	b := cborHead(nil, cborMap, 2)
	b = cborString(cborString(b, "__type"), e.Code)
	return cborString(cborString(b, "message"), e.Message)
}

// unzip undoes what a client did to a large request: the SDKs compress
// PutMetricData's.
func unzip(body io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(body)
	if err != nil {
		return nil, Errorf("SerializationException", "The request's body is not gzip, which its Content-Encoding says: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxBody+1))
	if err != nil {
		return nil, Errorf("SerializationException", "The request's body cannot be unpacked: %v", err)
	}
	if len(out) > maxBody {
		return nil, errTooLarge
	}
	return out, nil
}

var errTooLarge = &Error{"RequestEntityTooLarge", fmt.Sprintf("The request is larger than %d bytes", maxBody), http.StatusRequestEntityTooLarge}
