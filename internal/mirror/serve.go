package mirror

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// downloads is how many run at once. A few fill any network, and a few learners
	// who have everything are worth more than many who wait with a part.
	downloads = 8
	// maxWaiting bounds the requests that wait for their turn; further ones are told
	// to come again in retryAfter seconds.
	maxWaiting = 1000
	retryAfter = 30
	// tellInterval is how often who waits is told its place where that is the same,
	// so that neither side takes the connection for dead.
	tellInterval = 10 * time.Second
	// takeTimeout ends a download whose client takes nothing.
	takeTimeout = 30 * time.Second

	indexName = "index.json"
	// placeHeader has one's place in the queue, 1 for next, in answers with status 102
	// (in any number before the answer itself) and 503.
	placeHeader = "Workshop-Place"
)

// index is what a client asks for first, and the first file of a bundle.
type index struct {
	Format int    `json:"format"`
	Files  []File `json:"files"`
}

// format is that of index. A client of an older format refuses a newer one.
const format = 1

// Handler serves content at the root of its paths (mount it with http.StripPrefix):
// index.json and the files that it lists, for GET and HEAD, with ranges. Eight downloads
// run at once; others wait in the order of their coming and are told their place, by the
// header Workshop-Place of answers with status 102. A client that takes nothing for 30 s
// is cut off. Who may ask, and how many requests of one person are served, is the
// caller's care. The handler is safe for concurrent use.
func Handler(c *Content) http.Handler {
	return newHandler(c, downloads, maxWaiting)
}

type handler struct {
	index []byte
	files map[string]source
	queue *queue
}

func newHandler(c *Content, downloads, waiting int) *handler {
	h := &handler{files: map[string]source{}, queue: &queue{free: downloads, limit: waiting}}
	h.index, _ = json.Marshal(index{format, c.Files()}) // of strings and numbers
	for _, s := range c.files {
		h.files[s.Name] = s
	}
	return h
}

// ServeHTTP is for net/http.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == indexName {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(h.index)))
		_, _ = w.Write(h.index) // an error is the client's, which has gone
		return
	}
	s, ok := h.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		release, place, ok := h.queue.enter(r.Context(), func(place int) {
			w.Header().Set(placeHeader, strconv.Itoa(place))
			w.WriteHeader(http.StatusProcessing)
		})
		w.Header().Del(placeHeader)
		if !ok {
			w.Header().Set(placeHeader, strconv.Itoa(place))
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
			http.Error(w, "too many are waiting", http.StatusServiceUnavailable)
			return
		}
		defer release()
	}
	f, err := os.Open(s.path)
	if err != nil {
		http.Error(w, "the file is gone", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != s.Size || !info.ModTime().Equal(s.modified) {
		http.Error(w, "the file has changed since the room was opened", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("ETag", `"`+s.SHA256+`"`)
	out := &impatientWriter{w, http.NewResponseController(w)}
	defer out.end()
	http.ServeContent(out, r, "", s.modified, f)
}

// impatientWriter fails when the client takes nothing.
type impatientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w *impatientWriter) Write(p []byte) (int, error) {
	// A writer without deadlines, as in some tests, is as patient as it is.
	_ = w.control.SetWriteDeadline(time.Now().Add(takeTimeout))
	return w.ResponseWriter.Write(p)
}

// end leaves the connection to the next request without a deadline.
func (w *impatientWriter) end() {
	_ = w.control.Flush()
	_ = w.control.SetWriteDeadline(time.Time{})
}

// queue lets a number of requests in at once, in the order of their coming.
type queue struct {
	limit int

	mu      sync.Mutex
	free    int
	waiting []*ticket
}

type ticket struct {
	turn  chan struct{} // closed when it may enter
	moved chan struct{} // has room for one notice
}

// enter waits until the request may be served, and tells its place at each change. ok is
// false where too many wait already, and where ctx has ended.
func (q *queue) enter(ctx context.Context, tell func(place int)) (release func(), place int, ok bool) {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return q.leave, 0, true
	}
	if len(q.waiting) >= q.limit {
		defer q.mu.Unlock()
		return nil, len(q.waiting) + 1, false
	}
	t := &ticket{make(chan struct{}), make(chan struct{}, 1)}
	t.moved <- struct{}{}
	q.waiting = append(q.waiting, t)
	q.mu.Unlock()

	again := time.NewTicker(tellInterval)
	defer again.Stop()
	for {
		select {
		case <-t.turn:
			return q.leave, 0, true
		case <-ctx.Done():
			q.mu.Lock()
			i := slices.Index(q.waiting, t)
			if i >= 0 {
				q.waiting = slices.Delete(q.waiting, i, i+1)
				q.tell(i)
			}
			q.mu.Unlock()
			if i < 0 {
				q.leave() // its turn had come
			}
			return nil, 0, false
		case <-t.moved:
		case <-again.C:
		}
		q.mu.Lock()
		place = slices.Index(q.waiting, t) + 1
		q.mu.Unlock()
		if place > 0 {
			tell(place)
		}
	}
}

// leave lets the next one in.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	close(q.waiting[0].turn)
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.tell(0)
}

// tell gives notice to those who wait from a place on. q.mu is held.
func (q *queue) tell(from int) {
	for _, t := range q.waiting[from:] {
		select {
		case t.moved <- struct{}{}:
		default: // it has a notice
		}
	}
}
