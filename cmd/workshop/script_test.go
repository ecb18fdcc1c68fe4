package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scripts of testdata/script on the program that a user
// runs, each with a home of its own.
func TestScripts(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("PROGRAM", filepath.Dir(bin))
			env.Setenv("WORKSHOP_SANDBOX_SPEED", "fast")
			env.Setenv("WORKSHOP_SANDBOX_IDLE", sandboxIdle)
			env.Setenv("TF_CLI_CONFIG_FILE", filepath.Join(home, "is-not-there"))
			env.Defer(func() { stopSandbox(t, env.Vars) })
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exit-code": exitCode, "call": call},
	})
}

// exitCode runs a program that must exit with a code: exit-code 2 workshop bogus.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit-code N program [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v exited with %d, want %d", args[1:], got, want)
	}
}

// call asks the running sandbox for an operation, of whatever service, that it
// refuses: call ecr AmazonEC2ContainerRegistry_V20150921.DescribeRepositories.
func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: call service target")
	}
	b, err := os.ReadFile(filepath.Join(ts.Getenv("HOME"), ".local/state/fargate-workshop/sandbox/sandbox.json"))
	ts.Check(err)
	var at struct {
		Endpoint string
		Region   string
		ID       string `json:"access_key_id"`
		Secret   string `json:"secret_access_key"`
	}
	ts.Check(json.Unmarshal(b, &at))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Endpoint, strings.NewReader("{}"))
	ts.Check(err)
	req.Header.Set("X-Amz-Target", args[1])
	sum := sha256.Sum256([]byte("{}"))
	ts.Check(v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: at.ID, SecretAccessKey: at.Secret}, req, hex.EncodeToString(sum[:]), args[0], at.Region, time.Now()))
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		ts.Fatalf("%v: %s", args, res.Status)
	}
}
