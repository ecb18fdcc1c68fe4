package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"workshop/internal/doctor"
	"workshop/internal/sandbox"
)

// Where nobody can be asked, --account confirms the account, and --yes alone
// does for an emulator's only.
func TestPreflightWithoutTerminal(t *testing.T) {
	sb, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": sb.Info().Endpoint, "AWS_REGION": sb.Info().Region, "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_ACCESS_KEY_ID": sb.Info().AccessKeyID, "AWS_SECRET_ACCESS_KEY": sb.Info().SecretAccessKey,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(k, v)
	}
	dir := t.TempDir()
	preflight := func(account string, yes bool) error {
		c := newCommandLine(strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer))
		c.target, c.workspace, c.account = "aws", dir, account
		s, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		return c.preflight(t.Context(), s, yes)
	}
	var notYet *doctor.NotConfirmedError
	var wrong *doctor.WrongAccountError
	if err := preflight("", false); !errors.As(err, &notYet) {
		t.Errorf("nothing was said: %v", err)
	}
	if err := preflight("", true); err != nil {
		t.Errorf("--yes in an emulator's account: %v", err)
	}
	if err := preflight("123456789012", true); !errors.As(err, &wrong) {
		t.Errorf("another account: %v", err)
	}
	if err := preflight(sb.Info().Account, true); err != nil {
		t.Errorf("--account: %v", err)
	}
	if err := preflight("", false); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := preflight("123456789012", true); !errors.As(err, &wrong) {
		t.Errorf("another account than the confirmed one: %v", err)
	}
}
