package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	vcs := func(version, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "5635434aaaaabbbbbcccccddddd"}, {Key: "vcs.modified", Value: modified},
		}}
	}
	platform := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	for _, c := range []struct {
		name     string
		info     *debug.BuildInfo
		released string
		want     string
	}{
		{"no build information", nil, "", "workshop devel ("},
		{"go run", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "", "workshop devel ("},
		{"a clean checkout", vcs("v0.0.0-20261126063300-5635434aaaaa", "false"), "", "workshop devel (commit 5635434aaaaa, "},
		{"a changed checkout", vcs("v0.0.0-20261126063300-5635434aaaaa+dirty", "true"), "", "workshop devel (commit 5635434aaaaa, modified, "},
		{"a tag", vcs("v1.2.3", "false"), "", "workshop v1.2.3 (commit 5635434aaaaa, "},
		{"go install of a version", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "", "workshop v1.2.3 ("},
		{"a release", vcs("(devel)", "false"), "v2.0.0", "workshop v2.0.0 (commit 5635434aaaaa, "},
	} {
		if got := buildOf(c.info, c.released).String(); got != c.want+platform {
			t.Errorf("%s: %q, want %q", c.name, got, c.want+platform)
		}
	}
}

// TestVersionFlag: the flag and the command print the same.
func TestVersionFlag(t *testing.T) {
	output := func(args ...string) string {
		var out, errOut bytes.Buffer
		if code := run(args, strings.NewReader(""), &out, &errOut); code != exitDone {
			t.Fatalf("%q exited with %d: %s", args, code, &errOut)
		}
		return out.String()
	}
	if flag, command := output("--version"), output("version"); flag != command || !strings.HasPrefix(flag, "workshop ") {
		t.Errorf("--version prints %q, version %q", flag, command)
	}
	var b build
	if err := json.Unmarshal([]byte(output("--version", "--json")), &b); err != nil || b.Version == "" || b.Go != runtime.Version() {
		t.Errorf("--json: %+v, %v", b, err)
	}
}
