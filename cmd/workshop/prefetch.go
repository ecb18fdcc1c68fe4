package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/mirror"
	"workshop/internal/session"
)

func (c *commandLine) prefetchCommand() *cobra.Command {
	var from, pin, bundle, into string
	var platforms []string
	cmd := &cobra.Command{
		Use:   "prefetch",
		Short: "Fetch Terraform and its providers before the class",
		Long: `Fetches Terraform and the providers of your configuration into your cache folder,
so that no later command needs a network for them. What is there is not fetched
again.

They come from this machine's provider mirrors or Terraform's registry, or from a
bundle that somebody gave you (--bundle). --into writes such a bundle, for machines
without a network:

	workshop prefetch --platform darwin_arm64 --platform windows_amd64 --into class.tar
	workshop prefetch --bundle class.tar

Providers and Terraform are programs: take them only from a person that you
trust.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			p := session.Prefetching{Platforms: platforms, Bundle: bundle}
			for _, name := range platforms {
				if !mirror.ValidPlatform(name) {
					return usagef("--platform is OS_ARCH, such as linux_amd64 or darwin_arm64, not %q", clean.Line(name))
				}
			}
			switch {
			case from != "" && bundle != "":
				return usagef("--from and --bundle exclude each other")
			case pin != "" && from == "":
				return usagef("--pin goes with --from")
			case from != "":
				var err error
				if p.Base, p.Client, err = roomSource(from, pin); err != nil {
					return err
				}
				defer p.Client.CloseIdleConnections()
			}
			return c.prefetch(ctx, p, into)
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "fetch from the room at this https address")
	f.StringVar(&pin, "pin", "", "SHA-256 of the room's certificate, in hex; without it your system must trust the certificate")
	f.StringVar(&bundle, "bundle", "", "take them out of this bundle")
	f.StringVar(&into, "into", "", "write a bundle of all that is on this machine to this file")
	for _, name := range []string{"from", "pin"} { // no command serves a room yet
		f.Lookup(name).Hidden = true
	}
	f.StringArrayVar(&platforms, "platform", nil, "fetch for machines of this kind, such as darwin_arm64; may be given several times (default: this machine's)")
	return cmd
}

func (c *commandLine) prefetch(ctx context.Context, p session.Prefetching, into string) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	progress := *c
	if !c.json {
		progress.out = c.errOut // what was fetched is the result, and not on the way
	}
	emit := progress.events()
	got, err := s.Prefetch(ctx, p, emit)
	var content *mirror.Content
	if err == nil && into != "" {
		if content, err = s.Content(ctx, emit); content != nil && err != nil {
			c.note("%s", err)
			err = nil
		}
		if err == nil {
			err = s.Bundle(ctx, content, into, emit)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: what was fetched is kept, and `workshop prefetch` goes on from there", errInterrupted)
	}
	if err != nil {
		return err
	}
	if c.json {
		result := map[string]any{"type": "prefetched", "terraform": got.Terraform, "version": got.Version, "folder": got.Folder, "platforms": got.Platforms}
		if content != nil {
			result["bundle"], result["files"] = into, content.Files()
		}
		return c.emit(result)
	}
	c.printf("Terraform %s and the providers for %s are on this machine. Plan and deploy need no network for them.\n", clean.Line(got.Version), strings.Join(got.Platforms, ", "))
	if content != nil {
		c.printf("%s has:\n", clean.Line(into))
		for _, f := range content.Files() {
			c.printf("  %s\n", clean.Line(f.String()))
		}
	}
	return nil
}

// roomSource is where a room serves Terraform and providers, and a client that trusts it:
// by the SHA-256 of its certificate where there is a pin, else as the system does.
func roomSource(line, pin string) (base *url.URL, client *http.Client, err error) {
	base, err = url.Parse(line)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, nil, usagef("--from is an address such as https://192.0.2.7:4222/mirror/, not %q", clean.Line(line))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // documented so
	transport.TLSHandshakeTimeout = 15 * time.Second
	if pin != "" {
		want, err := hex.DecodeString(pin)
		if err != nil || len(want) != sha256.Size {
			return nil, nil, usagef("--pin is a SHA-256 in hex, of 64 digits, not %q", clean.Line(pin))
		}
		transport.TLSClientConfig = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, // #nosec G402 -- the pin stands for all of it
			VerifyConnection: func(state tls.ConnectionState) error {
				if len(state.PeerCertificates) > 0 && sha256.Sum256(state.PeerCertificates[0].Raw) == [sha256.Size]byte(want) {
					return nil
				}
				return errOtherCertificate
			},
		}
	}
	return base, &http.Client{Transport: transport}, nil
}

var errOtherCertificate = errors.New("its certificate is not the pinned one: the room was opened again (ask for the new line), or a proxy between inspects TLS")
