package session

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"

	"workshop/internal/datachannel"
	"workshop/internal/fargate"
	"workshop/internal/target"
)

// ECS splits the command as AWS's agent does.
func TestCommandLine(t *testing.T) {
	for _, words := range [][]string{
		{"env"}, {"ls", "-l", "/tmp"}, {"sh", "-c", `echo "it's $HOME" # not a comment`}, {"printf", "", "a b", `c\d`, "'", "#e", "two\nlines"},
	} {
		line := CommandLine(words)
		if got, err := shlex.Split(line); err != nil || !slices.Equal(got, words) {
			t.Errorf("%q is written %s, which is %q, %v", words, line, got, err)
		}
	}
	if got := CommandLine([]string{`sh -c "env | sort"`}); got != `sh -c "env | sort"` {
		t.Errorf("a command as it stands became %s", got)
	}
}

// AWS's client is called as the aws command line calls it; where it can, it reads the
// session from its environment.
func TestPluginIsCalled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the plugin is a shell script here")
	}
	x := Execution{
		started: fargate.Execution{Session: datachannel.Session{ID: "s", URL: "wss://host/v1", Token: "secret"}, Target: "ecs:c_t_r"},
		env:     []string{"PATH=" + os.Getenv("PATH")}, region: "eu-west-1", profile: "work",
	}
	const session = `{"SessionId":"s","StreamUrl":"wss://host/v1","TokenValue":"secret"}`
	rest := `eu-west-1 StartSession work {"Target":"ecs:c_t_r"} https://ssm.eu-west-1.amazonaws.com`
	for version, want := range map[string]string{
		"1.2.497.0": responseVariable + " " + rest + " " + session,
		"1.2.30.0":  session + " " + rest + " ",
	} {
		path := filepath.Join(t.TempDir(), plugin)
		script := "#!/bin/sh\n[ \"$1\" = --version ] && echo " + version + " && exit\necho \"$*\" \"$" + responseVariable + "\"\n"
		if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		var out, errOut bytes.Buffer
		if err := x.plugin(t.Context(), path, strings.NewReader(""), &out, &errOut); err != nil {
			t.Fatalf("%v %s", err, errOut.String())
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != want {
			t.Errorf("version %s was called\n%s, want\n%s", version, got, want)
		}
	}
}

func TestExecProgram(t *testing.T) {
	s := open(t, target.Sandbox)
	s.opts.Region, s.opts.Profile = "eu-central-1", "work"
	for _, c := range []struct {
		other *other
		want  string
	}{
		{nil, " --region eu-central-1"},
		{&other{place: fargate.Place{Cluster: "c", Service: "s", Region: "us-east-1"}}, " --cluster c --service s --region us-east-1"},
	} {
		s.other = c.other
		cmd, err := s.ExecProgram("7f3a")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(cmd.Args[1:], " "), "exec --target sandbox --workspace "+s.Workspace.Dir()+" --task 7f3a"+c.want+" --profile work"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
