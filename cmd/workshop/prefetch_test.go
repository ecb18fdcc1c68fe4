package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoomSource(t *testing.T) {
	for _, line := range []string{"", "room", "http://192.0.2.7/", "https://", "https://me:secret@192.0.2.7/", "https://192.0.2.7/?x", "https://192.0.2.7/#x", "file:///etc"} {
		var u *usageError
		if _, _, err := roomSource(line, ""); !errors.As(err, &u) {
			t.Errorf("%q: %v", line, err)
		}
	}
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	sum := sha256.Sum256(srv.Certificate().Raw)
	pin := hex.EncodeToString(sum[:])
	for _, tt := range []struct{ pin, want string }{
		{pin, ""}, {strings.ToUpper(pin), ""}, {strings.Repeat("0", 64), "not the pinned one"}, {"", "certificate"},
	} {
		base, client, err := roomSource(srv.URL, tt.pin)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(base.String())
		if err == nil {
			_ = resp.Body.Close()
		}
		client.CloseIdleConnections()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("pin %q: %v", tt.pin, err)
		}
	}
	for _, pin := range []string{"x", "00", strings.Repeat("0", 66)} {
		if _, _, err := roomSource(srv.URL, pin); err == nil {
			t.Errorf("the pin %q is taken", pin)
		}
	}
}
