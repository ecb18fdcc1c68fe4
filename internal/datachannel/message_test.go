package datachannel

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A message of AWS's session-manager-plugin 1.3.0, as its serializer writes it.
const ofPlugin = "" +
	"00000074" + // the header's length
	"696e7075745f73747265616d5f64617461202020202020202020202020202020" + // input_stream_data
	"00000001" + "0000018bcfe56800" + "0000000000000007" + "0000000000000003" +
	"8899aabbccddeeff0011223344556677" + // the id, its second half first
	"e9fe7e88e89d532379960402db8f9458194dae772aa5fda5a12806c22215f0ff" +
	"00000001" + "00000003" + "6c730a"

func TestMessage(t *testing.T) {
	m := message{
		Type: inputStream, Created: time.UnixMilli(1700000000000), Sequence: 7, Flags: 3,
		ID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"), PayloadType: Output, Payload: []byte("ls\n"),
	}
	b := m.marshal()
	want, err := hex.DecodeString(ofPlugin)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("wrote\n%x, want\n%x", b, want)
	}
	got, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Type != m.Type || !got.Created.Equal(m.Created) || got.Sequence != 7 || got.Flags != 3 || got.ID != m.ID || got.PayloadType != Output || string(got.Payload) != "ls\n" {
		t.Errorf("read %+v", got)
	}
}

func TestDamagedMessages(t *testing.T) {
	good := message{Type: outputStream, Created: time.Now(), ID: uuid.New(), PayloadType: Output, Payload: []byte("hello")}.marshal()
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"empty":               {nil, "less than its header"},
		"short":               {good[:100], "less than its header"},
		"a header too long":   {change(2, 0xff), "has a header of"},
		"a header too short":  {change(3, 4), "has a header of"},
		"a cut payload":       {good[:len(good)-1], "digest"},
		"a changed payload":   {change(len(good)-1, 'x'), "digest"},
		"no type":             {append(append(bytes.Clone(good[:atType]), strings.Repeat(" ", 32)...), good[atVersion:]...), "no type"},
		"a header at the end": {change(3, byte(len(good)-3)), "has a header of"},
	} {
		if _, err := parse(c.b); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message{Type: outputStream, Created: time.Now(), ID: uuid.New(), PayloadType: Output, Payload: []byte("hello")}.marshal())
	f.Add(message{Type: acknowledge, Payload: []byte(`{"AcknowledgedMessageSequenceNumber":3}`)}.marshal())
	f.Add([]byte{0, 0, 0, 116})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			return
		}
		again, err := parse(m.marshal())
		if err != nil && len(m.Payload) > 0 && (m.Type == startSending || m.Type == pauseSending) {
			return
		}
		if err != nil || again.Type != m.Type || again.Sequence != m.Sequence || again.ID != m.ID || !bytes.Equal(again.Payload, m.Payload) || again.PayloadType != m.PayloadType {
			t.Fatalf("%+v came back as %+v: %v", m, again, err)
		}
	})
}
