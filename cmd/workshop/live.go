package main

import (
	"github.com/spf13/cobra"

	"workshop/internal/tui"
)

// ofAnyService gives a command the flags that name another service than the workspace's.
func (c *commandLine) ofAnyService(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.StringVar(&c.other.Cluster, "cluster", "", "cluster of a service that is not the workspace's own")
	f.StringVar(&c.other.Service, "service", "", "name of that service")
	return cmd
}

func (c *commandLine) liveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "live",
		Short: "Look at any service of the account: what runs, why it does not, and its logs",
		Long: `live opens the screens of what runs for any service of ECS: choose one from all
of the account's clusters in the Region, or name it with --cluster and --service.

It sends no requests to a service that is not the workspace's own, keeps nothing
of it, and asks before a key changes something; --read-only takes those keys away.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.viewer = true
			o := tui.Options{Viewer: &c.other}
			if c.other.Service != "" {
				o.Page = "live"
			}
			return c.screen(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&c.other.Cluster, "cluster", "", "cluster to look at")
	cmd.Flags().StringVar(&c.other.Service, "service", "", "service to look at")
	return cmd
}
