package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"workshop/internal/clean"
)

const (
	indexTimeout = 30 * time.Second
	// stallTimeout ends a request over which nothing comes, neither bytes nor a place in
	// the queue.
	stallTimeout = 60 * time.Second
	// attempts is how many requests in a row may bring nothing.
	attempts  = 6
	minPause  = time.Second
	maxPause  = 30 * time.Second
	maxReason = 200 // bytes of what a server says
)

// Fetch brings what want asks for from the Handler at base into the folder dst, which it
// makes (0700). client must trust the server: with a pinned certificate for a room, and
// without a Timeout, which would end long downloads; nil is http.DefaultClient. Redirects
// are refused.
//
// A download that was broken goes on where it ended, also in a later Fetch. Each package
// is checked by the SHA-256 and the hash of the index, and by want.Locked where that has
// its version; only then it appears in its place, as a whole. What is there already is
// not replaced, unless want.Locked refuses it. Processes that fetch into one folder take
// turns.
//
// A checksum of the index says that the package is the one that the server means, not
// that it is HashiCorp's: who trusts the server, by the certificate that the join line
// pins, runs its programs. want.Locked alone is independent of the server, and there is
// none for Terraform itself, so that want.Terraform must be set only where this machine
// has no Terraform.
//
// Errors wrap ErrMissing, ErrChecksum, ErrLocked, ErrExists or ErrInvalid, or are the
// network's or the disk's; where some packages fail the others are fetched all the same.
// progress may be nil. It is called by one goroutine at a time.
func Fetch(ctx context.Context, client *http.Client, base *url.URL, dst string, want Want, progress func(Progress)) error {
	if client == nil {
		client = http.DefaultClient
	}
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f := &fetcher{client: &c, base: base, dst: dst, progress: progress, pause: pause}
	return f.fetch(ctx, want)
}

type fetcher struct {
	client   *http.Client
	base     *url.URL
	dst      string
	progress func(Progress)
	pause    func(context.Context, time.Duration) error
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (f *fetcher) fetch(ctx context.Context, want Want) error {
	files, err := f.index(ctx)
	if err != nil {
		return fmt.Errorf("ask %s what it serves: %w", clean.Line(f.base.Redacted()), err)
	}
	chosen, missing := want.choose(files)
	if missing != nil {
		missing = fmt.Errorf("%s does not serve everything: %w", clean.Line(f.base.Redacted()), missing)
	}
	unlock, err := lock(ctx, f.dst)
	if err != nil {
		return err
	}
	defer unlock()
	errs := []error{missing}
	for _, file := range chosen {
		if err := f.one(ctx, file, want.locked(file)); err != nil {
			errs = append(errs, fmt.Errorf("fetch %s: %w", file, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (f *fetcher) index(ctx context.Context) ([]File, error) {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base.JoinPath(indexName).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refused(resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxIndex+1))
	if err != nil {
		return nil, err
	}
	return parseIndex(data)
}

// parseIndex reads an index from outside.
func parseIndex(data []byte) ([]File, error) {
	var ix index
	if len(data) > maxIndex {
		return nil, fmt.Errorf("the index is %w: it has more than %d bytes", ErrInvalid, maxIndex)
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&ix); err != nil {
		return nil, fmt.Errorf("the index is %w: %s", ErrInvalid, clean.Line(err.Error()))
	}
	if ix.Format != format {
		return nil, fmt.Errorf("the index is of format %d, and this program reads %d: use the same version of workshop on both sides", ix.Format, format)
	}
	if len(ix.Files) > maxFiles {
		return nil, fmt.Errorf("the index is %w: it lists more than %d packages", ErrInvalid, maxFiles)
	}
	seen := map[string]bool{}
	for _, f := range ix.Files {
		if err := f.check(); err != nil {
			return nil, err
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("the index is %w: it lists %s twice", ErrInvalid, f)
		}
		seen[f.Name] = true
	}
	return ix.Files, nil
}

func refused(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxReason))
	return &statusError{resp.StatusCode, clean.Line(strings.TrimSpace(resp.Status + " " + string(text)))}
}

type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return "the answer is " + e.text }

// one fetches a package unless it is there.
func (f *fetcher) one(ctx context.Context, file File, locked []string) error {
	if there, err := present(f.dst, file, locked); there || err != nil {
		if there {
			send(f.progress, Progress{State: Here, File: file})
		}
		return err
	}
	name := filepath.Join(partials(f.dst), file.SHA256)
	resumed, err := f.download(ctx, file, name)
	if errors.Is(err, ErrChecksum) && resumed {
		// The part of an earlier download may have been damaged on this disk.
		_, err = f.download(ctx, file, name)
	}
	if err != nil {
		return err
	}
	send(f.progress, Progress{State: Checking, File: file, Done: file.Size, Total: file.Size})
	if err := install(ctx, f.dst, file, name, locked); err != nil {
		return err
	}
	send(f.progress, Progress{State: Fetched, File: file, Done: file.Size, Total: file.Size})
	return nil
}

// download completes the zip in the file name and checks it. resumed: a part of it was
// there. A file with the wrong checksum is removed.
func (f *fetcher) download(ctx context.Context, file File, name string) (resumed bool, err error) {
	out, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	defer out.Close()
	done, err := out.Seek(0, io.SeekEnd)
	if err == nil && done > file.Size {
		done, err = 0, out.Truncate(0)
	}
	if err != nil {
		return false, err
	}
	resumed = done > 0
	wait, failures := minPause, 0
	for done < file.Size {
		n, err := f.request(ctx, file, out, done)
		if n > done {
			failures, wait = 0, minPause
		}
		done = n
		if ctx.Err() != nil {
			return resumed, ctx.Err()
		}
		if err == nil {
			continue
		}
		var path *fs.PathError
		if errors.As(err, &path) || errors.Is(err, ErrInvalid) { // the disk's fault, or the server's
			return resumed, err
		}
		var status *statusError
		var busy *busyError
		switch {
		case errors.As(err, &busy):
			send(f.progress, Progress{State: Waiting, File: file, Done: done, Total: file.Size, Place: busy.place})
			if err := f.pause(ctx, min(max(busy.after, minPause), 2*maxPause)); err != nil {
				return resumed, err
			}
			continue
		case errors.As(err, &status) && status.code < 500:
			return resumed, err
		}
		if failures++; failures >= attempts {
			return resumed, fmt.Errorf("%w; after %d attempts without a byte. %s of %s are kept: the next attempt goes on from there", err, attempts, megabytes(done), megabytes(file.Size))
		}
		send(f.progress, Progress{State: Retrying, File: file, Done: done, Total: file.Size, Note: clean.Line(err.Error())})
		if err := f.pause(ctx, wait); err != nil {
			return resumed, err
		}
		wait = min(2*wait, maxPause)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return resumed, err
	}
	sum, err := sha256Of(ctx, out)
	if err != nil {
		return resumed, err
	}
	if sum != file.SHA256 {
		_ = out.Close()
		_ = os.Remove(name) // or the next attempt finds it and refuses it
		return resumed, fmt.Errorf("%w: the file has the SHA-256 %s, and the index says %s. Something between changes it, or the server's file is damaged", ErrChecksum, sum, file.SHA256)
	}
	return resumed, errors.Join(out.Sync(), out.Close())
}

// busyError is an answer that asks to come again.
type busyError struct {
	place int
	after time.Duration
}

func (e *busyError) Error() string { return "too many are waiting" }

// request appends to out, which has done bytes, and returns how many it has then.
func (f *fetcher) request(ctx context.Context, file File, out *os.File, done int64) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallTimeout, func() { cancel(fmt.Errorf("nothing came for %.0f s", stallTimeout.Seconds())) })
	defer stall.Stop()
	// The hook runs on a goroutine of the client's, and may outlive a request that failed.
	places := make(chan int, 1)
	answered := make(chan struct{})
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			stall.Reset(stallTimeout)
			if place, err := strconv.Atoi(header.Get(placeHeader)); err == nil {
				select {
				case <-places: // the older one
				default:
				}
				select {
				case places <- place:
				default:
				}
			}
			return nil
		},
	}), http.MethodGet, f.base.JoinPath(file.Name).String(), nil)
	if err != nil {
		return done, err
	}
	if done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", done))
		req.Header.Set("If-Range", `"`+file.SHA256+`"`)
	}
	var resp *http.Response
	go func() { // ends with the request
		defer close(answered)
		resp, err = f.client.Do(req)
	}()
	for waiting := true; waiting; {
		select {
		case place := <-places:
			send(f.progress, Progress{State: Waiting, File: file, Done: done, Total: file.Size, Place: place})
		case <-answered:
			waiting = false
		}
	}
	if err != nil {
		return done, cause(ctx, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		place, _ := strconv.Atoi(resp.Header.Get(placeHeader))
		return done, &busyError{place, time.Duration(min(max(seconds, 0), 3600)) * time.Second}
	case resp.StatusCode == http.StatusOK: // from the beginning
		if done, err = 0, out.Truncate(0); err != nil {
			return done, err
		}
	case resp.StatusCode != http.StatusPartialContent || done == 0:
		return done, refused(resp)
	case !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", done)):
		return done, fmt.Errorf("the server's answer is %w: it has another part of the file than the one asked for", ErrInvalid)
	}
	if _, err := out.Seek(done, io.SeekStart); err != nil {
		return done, err
	}
	from := done
	// One byte too many is enough to know.
	body := readerFunc(func(p []byte) (int, error) {
		n, err := resp.Body.Read(p)
		stall.Reset(stallTimeout)
		return n, err
	})
	n, err := copyContext(ctx, out, metered(io.LimitReader(body, file.Size-from+1), func(n int64) {
		send(f.progress, Progress{State: Downloading, File: file, Done: from + n, Total: file.Size})
	}))
	if done = from + n; done > file.Size {
		_ = out.Truncate(0)
		return 0, fmt.Errorf("the server's answer is %w: it has more than the %d bytes that the index says", ErrInvalid, file.Size)
	}
	if err == nil && done < file.Size {
		err = io.ErrUnexpectedEOF
	}
	return done, cause(ctx, err)
}

// cause prefers why a request was ended to what the ending looked like.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/(1<<20)) }
