package session

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"workshop/internal/target"
)

func TestOpener(t *testing.T) {
	for _, c := range []struct{ system, env, installed, want string }{
		{"darwin", "", "", "open"},
		{"windows", "", "", "rundll32 url.dll,FileProtocolHandler"},
		{"linux", "DISPLAY", "xdg-open", "xdg-open"},
		{"linux", "WAYLAND_DISPLAY", "xdg-open", "xdg-open"},
		{"linux", "", "xdg-open", ""}, // by SSH, or in a room's terminal
		{"linux", "DISPLAY", "", ""},
		{"linux", "WSL_DISTRO_NAME", "wslview", "wslview"},
	} {
		env := func(name string) string {
			if name == c.env {
				return "1"
			}
			return ""
		}
		look := func(name string) (string, error) {
			if name == c.installed {
				return name, nil
			}
			return "", exec.ErrNotFound
		}
		if got := strings.Join(opener(c.system, env, look), " "); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestOpenURLOfNothing(t *testing.T) {
	if err := open(t, target.Sandbox).OpenURL(t.Context()); !errors.Is(err, ErrNothingDeployed) {
		t.Error(err)
	}
}
