package session

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"workshop/internal/clean"
)

// ErrNoBrowser: this machine has nothing that opens an address.
var ErrNoBrowser = errors.New("no browser was found on this machine")

// OpenURL opens the service's address in the person's browser, which goes on by itself. The
// error is ErrNothingDeployed, wraps ErrNoBrowser, or says what is wrong with the address.
func (s *Session) OpenURL(ctx context.Context) error {
	st, err := s.Stack(ctx)
	if err != nil {
		return err
	}
	if st.URL == "" {
		return ErrNothingDeployed
	}
	at, err := url.Parse(st.URL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return fmt.Errorf("%q is no address of a web page: the output url of the configuration is wrong", clean.Line(st.URL))
	}
	args := opener(runtime.GOOS, os.Getenv, exec.LookPath)
	if args == nil {
		return fmt.Errorf("%w: open %s yourself", ErrNoBrowser, clean.Line(st.URL))
	}
	cmd := exec.Command(args[0], append(args[1:], at.String())...) //nolint:gosec // the system's own opener
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open %s in a browser: %w", clean.Line(st.URL), err)
	}
	// Some openers stay until the browser is closed: nobody waits for that.
	return cmd.Process.Release()
}

// opener is the command that opens an address, nil where there is none. On Linux it is asked
// for where there is a desktop alone: elsewhere it would start a browser of text, which takes
// the terminal.
func opener(system string, env func(string) string, look func(string) (string, error)) []string {
	var all []string
	switch system {
	case "darwin":
		return []string{"open"}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	if env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "" {
		all = append(all, "xdg-open")
	}
	if strings.TrimSpace(env("WSL_DISTRO_NAME")) != "" {
		all = append(all, "wslview")
	}
	for _, name := range all {
		if _, err := look(name); err == nil {
			return []string{name}
		}
	}
	return nil
}
