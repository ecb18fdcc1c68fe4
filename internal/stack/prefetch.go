package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"workshop/internal/mirror"
)

// Want is what machines of a platform need for this configuration and do not have: the
// providers that no mirror of this machine holds for them, with what the dependency lock
// file says. The plug-in cache does not count, because Terraform asks the registry before
// it looks there. It runs nothing.
func (s *Stack) Want(platform string) mirror.Want {
	want := mirror.Want{Platform: platform, Providers: map[string]string{}}
	want.Locked, _ = lockedPackages(s.opts.Dir) // init reports a file that cannot be read
	folders := s.mirrorFolders()
	for address, constraint := range s.wanted(s.configuration()) {
		if !slices.ContainsFunc(folders, func(dir string) bool { return mirrorHasFor(dir, address, constraint, platform) }) {
			want.Providers[address] = constraint
		}
	}
	return want
}

// Sources is where a machine that runs this configuration has what others need for it.
// OpenTofu itself is not served, its providers are.
func (s *Stack) Sources() mirror.Sources {
	out := mirror.Sources{
		Folders:   s.mirrorFolders(),
		Providers: s.wanted(s.configuration()),
		Cache:     s.opts.CacheDir,
	}
	if t := s.opts.Terraform; t != nil && t.Path != "" && !t.Tofu {
		out.Program = mirror.Program{Path: t.Path, Version: t.Version}
	}
	return out
}

// unpackedFolders are folders in which Terraform has put providers.
func (s *Stack) unpackedFolders() []string {
	out := []string{filepath.Join(s.opts.Dir, ".terraform", "providers")}
	if cache := s.pluginCache(); cache != "" {
		out = append(out, cache)
	}
	return out
}

// Prefetch brings what Want says for each platform into the cache, where every workspace
// finds it without a network: from the plug-in cache and the workspace, else
// from the registry by `terraform providers mirror`. Errors wrap ErrProviderUnavailable,
// ErrStopped and those of package mirror.
// https://developer.hashicorp.com/terraform/cli/commands/providers/mirror
func (s *Stack) Prefetch(ctx context.Context, platforms []string, emit func(Event)) error {
	var remote []string
	for _, p := range platforms {
		want := s.Want(p)
		for _, address := range slices.Sorted(maps.Keys(want.Providers)) {
			adopted, err := s.adopt(ctx, want, address)
			if err != nil {
				return err
			}
			if !adopted && !slices.Contains(remote, p) {
				remote = append(remote, p)
			}
		}
	}
	if len(remote) == 0 {
		return nil
	}
	o, ctx, end, err := s.begin(ctx, OpInit, emit)
	if err != nil {
		return err
	}
	defer end()
	if err := os.MkdirAll(s.opts.CacheDir, 0o700); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	dir, err := os.MkdirTemp(s.opts.CacheDir, ".mirror-*")
	if err != nil {
		return fmt.Errorf("make a folder for the download: %w", err)
	}
	defer os.RemoveAll(dir)
	wanted := s.wanted(s.configuration())
	unwatch := watchSize(func() (n int64) {
		for address := range wanted {
			n += sizeOf(filepath.Join(dir, filepath.FromSlash(address)))
		}
		return n
	}, emit)
	defer unwatch()
	args := []string{"providers", "mirror"}
	for _, p := range remote {
		args = append(args, "-platform="+p)
	}
	if err := s.run(ctx, o, func() Op { return OpInit }, environ(s.additions()), append(args, dir), func(m message) Event { return m.event(OpInit) }); err != nil {
		return err
	}
	for _, p := range remote {
		want := s.Want(p)
		for _, address := range slices.Sorted(maps.Keys(want.Providers)) {
			for _, found := range mirror.Packages(dir, address) {
				if found.Platform != p {
					continue
				}
				if err := mirror.Add(ctx, found, s.opts.CacheDir, want.Locked[address]); err != nil {
					return err
				}
			}
		}
	}
	return s.lacks(platforms)
}

// lacks says what is still missing for platforms; nil for nothing.
func (s *Stack) lacks(platforms []string) error {
	for _, p := range platforms {
		if want := s.Want(p); len(want.Providers) > 0 {
			return fmt.Errorf("%w: %s for %s", ErrProviderUnavailable, strings.Join(slices.Sorted(maps.Keys(want.Providers)), ", "), p)
		}
	}
	return nil
}

// adopt copies a provider that Terraform has unpacked on this machine, where the lock
// file has its checksum: an init that was killed may have left half of one.
func (s *Stack) adopt(ctx context.Context, want mirror.Want, address string) (bool, error) {
	if want.Platform != mirror.Platform() {
		return false, nil
	}
	locked := want.Locked[address]
	if len(locked.Hashes) == 0 {
		return false, nil
	}
	for _, folder := range s.unpackedFolders() {
		for _, p := range mirror.Packages(folder, address) {
			if p.Platform == want.Platform && !p.Packed && p.Version == locked.Version && mirror.Fits(p.Version, want.Providers[address]) {
				err := mirror.Adopt(ctx, p, s.opts.CacheDir, locked)
				if errors.Is(err, mirror.ErrLocked) {
					continue
				}
				return err == nil, err
			}
		}
	}
	return false, nil
}

// Note sends an EventNote of work beside Terraform's, such as a prefetch. emit may be nil.
func Note(emit func(Event), message string) {
	send(emit, Event{Type: EventNote, Op: OpInit, Message: message})
}

// Download sends an EventDownload of such work. done and total are in bytes, 0 where they
// are not known. emit may be nil.
func Download(emit func(Event), message string, done, total int64) {
	e := Event{Type: EventDownload, Op: OpInit, Message: message}
	if done > 0 {
		e.Progress = &Progress{Done: done, Total: total}
	}
	send(emit, e)
}
