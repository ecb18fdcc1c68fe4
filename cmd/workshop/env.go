package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/target"
)

func (c *commandLine) openCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Open the service's address in your browser",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := c.reach(cmd.Context()) // a sandbox that has ended does not answer
			if err != nil {
				return err
			}
			return s.OpenURL(cmd.Context())
		},
	}
}

func (c *commandLine) outputCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "output [NAME]",
		Short: "Print Terraform's outputs, or the bare value of one",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("output takes one name at most")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			st, err := s.State()
			if err != nil {
				return err
			}
			outputs, err := st.Outputs()
			if err != nil {
				return err
			}
			names := slices.Sorted(maps.Keys(outputs))
			if len(args) == 1 {
				v, ok := outputs[args[0]]
				if !ok && len(names) == 0 {
					return fmt.Errorf("there is no output %q: nothing is deployed yet", args[0])
				}
				if !ok {
					return fmt.Errorf("there is no output %q; there are %s", args[0], clean.Line(strings.Join(names, ", ")))
				}
				if c.json {
					return c.emit(v)
				}
				c.printf("%s\n", value(v))
				return nil
			}
			if c.json {
				return c.emit(outputs)
			}
			for _, n := range names {
				c.printf("%s = %s\n", clean.Line(n), value(outputs[n]))
			}
			return nil
		},
	}
}

func value(v any) string {
	if s, ok := v.(string); ok {
		return clean.Line(s)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return clean.Line(fmt.Sprint(v))
	}
	return clean.Line(string(b))
}

func (c *commandLine) envCommand() *cobra.Command {
	var start bool
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print what your own terraform, aws and curl need, for eval in a shell",
		Long: `Prints what your own terraform, aws and curl need, for eval in a shell:

	eval "$(workshop env --start)"

It fails where no sandbox runs, unless --start is given.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.noSandbox = !start
			return c.showEnv(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&start, "start", false, "start the sandbox where none runs")
	return cmd
}

func (c *commandLine) showEnv(ctx context.Context) error {
	s, t, err := c.reach(ctx)
	if errors.Is(err, target.ErrNotRunning) {
		return fmt.Errorf("%w, `workshop env --start` does both", err)
	}
	if err != nil {
		return err
	}
	env, err := s.Exports(ctx)
	if err != nil {
		return err
	}
	if c.json {
		set := map[string]string{}
		for _, kv := range env {
			k, v, _ := strings.Cut(kv, "=")
			set[k] = v
		}
		return c.emit(map[string]any{"type": "environment", "set": set, "unset": append([]string{}, t.Unset...)})
	}
	for _, k := range t.Unset {
		c.printf("unset %s\n", k)
	}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		c.printf("export %s=%s\n", k, quote(v))
	}
	return nil
}

// quote makes a word of a POSIX shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
