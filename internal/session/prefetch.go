package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"workshop/internal/clean"
	"workshop/internal/mirror"
	"workshop/internal/stack"
)

// Prefetching says what to bring to this machine before the class, and from where.
type Prefetching struct {
	// Platforms are those of the machines to fetch for, as Terraform writes them; empty
	// is this machine.
	Platforms []string
	// Base and Client reach a room (see mirror.Fetch); Bundle is a file of mirror.Pack.
	// Without either the providers come from this machine's mirrors or the registry.
	Base   *url.URL
	Client *http.Client
	Bundle string
}

// Prefetched is what there is after a prefetch.
type Prefetched struct {
	Terraform string   `json:"terraform"` // path of the program
	Version   string   `json:"version"`
	Folder    string   `json:"folder"` // of what was fetched
	Platforms []string `json:"platforms"`
}

// Prefetch makes sure that Terraform and the providers of the configuration are on this
// machine, so that plan and deploy need no network for them. It starts no sandbox and asks
// no AWS. What is here is not fetched again. Terraform itself is fetched for this machine
// alone. Errors wrap ErrReadOnly, stack.ErrNoTerraform, stack.ErrProviderUnavailable or
// those of package mirror. emit may be nil; it gets downloads and notes.
func (s *Session) Prefetch(ctx context.Context, p Prefetching, emit func(stack.Event)) (Prefetched, error) {
	if s.opts.ReadOnly {
		return Prefetched{}, ErrReadOnly
	}
	if len(p.Platforms) == 0 {
		p.Platforms = []string{mirror.Platform()}
	}
	given := p.Base != nil || p.Bundle != ""
	tf, err := stack.Find(ctx, s.findOptions(given || s.opts.Offline), emit)
	none := errors.Is(err, stack.ErrNoTerraform) && given && s.opts.Terraform == ""
	if err != nil && !none {
		return Prefetched{}, err
	}
	st, err := s.openStack(nil, cmp.Or(tf, &stack.Terraform{}), cacheDir())
	if err != nil {
		return Prefetched{}, err
	}
	if !given {
		err = st.Prefetch(ctx, p.Platforms, emit)
	} else {
		err = take(ctx, p, st, none, packages(emit))
	}
	if err != nil {
		return Prefetched{}, err
	}
	if none {
		if tf, err = stack.Find(ctx, s.findOptions(true), emit); err != nil {
			return Prefetched{}, err
		}
	}
	if st.ProviderSource().OwnConfig {
		stack.Note(emit, fmt.Sprintf("Your own Terraform CLI configuration decides where providers come from. To use what was fetched, name %s in a filesystem_mirror of it.", mirror.Providers(cacheDir())))
	}
	return Prefetched{Terraform: tf.Path, Version: tf.Version, Folder: cacheDir(), Platforms: p.Platforms}, nil
}

// take brings from a room or out of a bundle what is missing.
func take(ctx context.Context, p Prefetching, st *stack.Stack, terraform bool, progress func(mirror.Progress)) error {
	for _, platform := range p.Platforms {
		want := st.Want(platform)
		want.Terraform = terraform && platform == mirror.Platform()
		if len(want.Providers) == 0 && !want.Terraform {
			continue
		}
		var err error
		if p.Bundle != "" {
			err = mirror.Unpack(ctx, p.Bundle, cacheDir(), want, progress)
		} else {
			err = mirror.Fetch(ctx, p.Client, p.Base, cacheDir(), want, progress)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Content is what this machine can serve to others who run this configuration: what
// Prefetch has brought, and what is in the machine's mirrors. Where only some of it can
// be served, the error says why, and the content is there all the same. The first time
// it packs an unpacked provider, which takes some 20 s. emit may be nil.
func (s *Session) Content(ctx context.Context, emit func(stack.Event)) (*mirror.Content, error) {
	tf, err := stack.Find(ctx, s.findOptions(true), emit)
	if err != nil && !errors.Is(err, stack.ErrNoTerraform) {
		return nil, err
	}
	st, err := s.openStack(nil, cmp.Or(tf, &stack.Terraform{}), cacheDir())
	if err != nil {
		return nil, err
	}
	return mirror.Find(ctx, st.Sources(), packages(emit))
}

// packages tells of packages as of other downloads.
func packages(emit func(stack.Event)) func(mirror.Progress) {
	return func(p mirror.Progress) {
		name := clean.Line(p.File.String())
		switch p.State {
		case mirror.Packing:
			stack.Download(emit, "Packing "+name, p.Done, p.Total)
		case mirror.Downloading:
			stack.Download(emit, name, p.Done, p.Total)
		case mirror.Checking:
			stack.Download(emit, "Checking and unpacking "+name, 0, 0)
		case mirror.Waiting:
			stack.Note(emit, fmt.Sprintf("%s: waiting for the downloads of others, place %d in the queue.", name, p.Place))
		case mirror.Retrying:
			stack.Note(emit, fmt.Sprintf("%s: interrupted after %d MB (%s). Trying again.", name, p.Done>>20, clean.Line(p.Note)))
		case mirror.Here:
			stack.Note(emit, name+" is here already.")
		}
	}
}

// Bundle writes content into a file for machines without a network.
func (s *Session) Bundle(ctx context.Context, content *mirror.Content, file string, emit func(stack.Event)) error {
	return mirror.Pack(ctx, content, file, packages(emit))
}
