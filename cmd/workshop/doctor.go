package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/doctor"
	"workshop/internal/session"
)

func (c *commandLine) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and your AWS account before anything is created",
		Long: `Checks whether this machine is ready and, with --target aws, whether your AWS
account is: credentials, permissions, quotas, leftovers of an earlier run. It
creates nothing.

Each line begins with ✓ (ready), ✗ (must be fixed) or – (could not be checked, or
worth knowing). The last line names what to fix first. Exits with 3 where
something must be fixed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return c.doctor(ctx)
		},
	}
}

var severityMarks = map[doctor.Severity]string{doctor.Passed: "✓", doctor.Unknown: "–", doctor.Warning: "–", doctor.Failed: "✗"}

func (c *commandLine) doctor(ctx context.Context) error {
	var skipped []string
	show := func(check doctor.Check) {
		if c.json {
			return
		}
		if check.Severity == doctor.Skipped {
			skipped = append(skipped, strings.ReplaceAll(check.ID, "-", " "))
			return
		}
		c.printf("%s %s\n", severityMarks[check.Severity], indented(check.Message))
		if check.Fix != "" {
			c.printf("    %s\n", indented(check.Fix))
		}
	}
	var checks []doctor.Check
	s, err := c.open()
	var usage *usageError
	switch {
	case errors.As(err, &usage) || err != nil && c.options.Kind == "":
		return err
	case err != nil:
		checks = session.DoctorWithoutWorkspace(ctx, c.options, err, show)
	default:
		checks = s.Doctor(ctx, show)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if len(skipped) > 0 {
		c.printf("– not checked, because something above comes first: %s\n", strings.Join(skipped, ", "))
	}
	first, bad := doctor.First(checks)
	if c.json {
		if err := c.emit(map[string]any{"checks": checks}); err != nil {
			return err
		}
	} else if bad {
		c.printf("\nFix this first: %s.\n", strings.TrimSuffix(indented(first.Message), "."))
		if first.Fix != "" {
			c.printf("    %s\n", indented(first.Fix))
		}
	} else {
		c.printf("\nReady to deploy.\n")
	}
	if bad {
		return errCheckFailed
	}
	return nil
}

// indented keeps further lines of a text under its first one.
func indented(text string) string { return strings.ReplaceAll(clean.Text(text), "\n", "\n    ") }

// preflight asks the session whether an apply may begin. Where the account is
// not confirmed yet it takes --account, or asks the person to type the number.
// yes says that nothing may be asked.
func (c *commandLine) preflight(ctx context.Context, s *session.Session, yes bool) error {
	err := s.Preflight(ctx)
	var notYet *doctor.NotConfirmedError
	if !errors.As(err, &notYet) && (err != nil || s.Sandbox() || c.account == "") {
		return err
	}
	typed := c.account
	switch {
	case typed != "": // holds for a confirmed account too
	case yes && notYet.Emulated:
		return nil // an emulator's account: nothing there can cost money
	case yes || !c.terminal():
		return err
	default:
		name := clean.Line(notYet.Account)
		if notYet.Alias != "" {
			name += " (" + clean.Line(notYet.Alias) + ")"
		}
		cost := "They cost money until you delete them."
		if notYet.Emulated {
			cost = "This is an emulator's account number: nothing there costs money."
		}
		c.printf("\nYou are about to create resources in the AWS account %s in %s. %s\n", name, clean.Line(notYet.Region), cost)
		if typed, err = c.readLine(ctx, "Type the account number to go on: "); err != nil {
			return err
		}
	}
	return s.ConfirmAccount(ctx, typed)
}

// mfaCode asks for the code of an MFA device on the terminal.
func (c *commandLine) mfaCode(ctx context.Context, device string) (string, error) {
	fmt.Fprintf(c.errOut, "The profile needs a code of the MFA device %s.\n", clean.Line(device))
	fmt.Fprint(c.errOut, "Code: ")
	return c.answer(ctx)
}
