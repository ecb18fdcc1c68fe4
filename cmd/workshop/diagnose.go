package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/logline"
)

func (c *commandLine) diagnoseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diagnose",
		Short: "Say why the service does not run as it should; exit code 3 where something is wrong",
		Long: `diagnose looks once at the service, its deployments, tasks and events, the load
balancer's targets and the URL, and names the one cause that explains the rest,
what to do about it, and the step that teaches it.

The exit code is 0 where all is well, and 3 where a cause was found.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, _, err := c.reach(ctx)
			if err != nil {
				return err
			}
			d, err := s.Diagnose(ctx)
			if err != nil {
				return err
			}
			if c.json {
				err = c.emit(d)
			} else {
				c.showDiagnosis(d)
			}
			if err == nil && !d.Healthy {
				err = errCheckFailed
			}
			return err
		},
	}
}

func (c *commandLine) showDiagnosis(d fargate.Diagnosis) {
	if d.Healthy {
		c.printf("All is well, as of %s.\n", d.AsOf.Local().Format(time.TimeOnly))
	}
	if k := d.Cause; k != nil {
		c.printf("%s\n\n", clean.Line(k.Title))
		if strings.TrimSuffix(k.Means, ".") != k.Title {
			c.printf("What it means  %s\n", clean.Line(k.Means))
		}
		c.printf("What to do     %s\n", clean.Line(k.Do))
		if k.Step != "" {
			c.printf("The step       `workshop show %s`\n", clean.Line(k.Step))
		}
	}
	if len(d.Chain) == 0 {
		return
	}
	c.printf("\nWhat was seen\n")
	for _, l := range d.Chain {
		lead := ""
		if l.Task != "" {
			lead = fmt.Sprintf("task %.8s: ", l.Task)
		}
		if l.Count > 1 {
			lead = fmt.Sprintf("%d times until %s: ", l.Count, l.Until.Local().Format(time.TimeOnly))
		}
		c.printf("  %s  %s%s\n", l.Time.Local().Format(time.TimeOnly), lead, clean.Line(l.Text))
		if l.Said != "" && l.Said != l.Text {
			who := "AWS says"
			switch l.Of {
			case fargate.OfTerraform, fargate.OfURL:
				who = "The error"
			}
			c.printf("            %s: %s\n", who, clean.Line(l.Said))
		}
		for i, text := range l.Printed {
			lead := "The last lines of its log: "
			if i > 0 {
				lead = strings.Repeat(" ", len(lead))
			}
			c.printf("            %s%s\n", lead, clean.Line(logline.Short(text)))
		}
	}
}
