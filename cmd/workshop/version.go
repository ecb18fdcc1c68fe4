package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by the linker for a release: -ldflags "-X main.version=v1.2.3".
var version string

// build says what this program was built from, as --json prints it.
type build struct {
	Version  string `json:"version"`          // "devel" where it is no release
	Commit   string `json:"commit,omitempty"` // where the build knew of a repository
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildOf reads what the go command wrote into the program. released is the
// version that the linker was given, if any.
func buildOf(info *debug.BuildInfo, released string) build {
	b := build{Version: released, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		info = &debug.BuildInfo{}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	// The go command makes v0.0.0-TIME-COMMIT of a repository without a tag.
	if b.Version == "" || b.Version == "(devel)" || strings.HasPrefix(b.Version, "v0.0.0-") {
		b.Version = "devel"
	}
	return b
}

// String is one line of text: what one would put into a bug report.
func (b build) String() string {
	parts := []string{b.Go, b.Platform}
	if b.Commit != "" {
		commit := "commit " + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			commit += ", modified"
		}
		parts = append([]string{commit}, parts...)
	}
	return "workshop " + b.Version + " (" + strings.Join(parts, ", ") + ")"
}

func (c *commandLine) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return c.printVersion() },
	}
}

func (c *commandLine) printVersion() error {
	info, _ := debug.ReadBuildInfo()
	b := buildOf(info, version)
	if c.json {
		return c.emit(b)
	}
	c.printf("%s\n", b)
	return nil
}
