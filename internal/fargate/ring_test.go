package fargate

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// model is what a Ring promises, done the slow way.
type model struct {
	lines []Line
	first int
}

func (m *model) append(l Line, maxLines, maxBytes int) {
	l.ID = ""
	m.lines = append(m.lines, l)
	for len(m.lines) > 1 && (len(m.lines) > maxLines || m.bytes() > maxBytes) {
		m.lines = m.lines[1:]
		m.first++
	}
}

func (m *model) bytes() (n int) {
	for _, l := range m.lines {
		n += perLine + len(l.Message)
	}
	return n
}

func FuzzRing(f *testing.F) {
	f.Add(5, 1000, []byte{1, 2, 3, 200, 5, 0, 90, 255})
	f.Add(1, 1, []byte{255, 0})
	f.Add(700, 100_000, []byte("some text for sizes, long enough to make the ring turn"))
	f.Fuzz(func(t *testing.T, maxLines, maxBytes int, sizes []byte) {
		maxLines, maxBytes = max(1, maxLines%1000), max(1, maxBytes%100_000)
		r, m := NewRing(maxLines, maxBytes), &model{}
		even := func(l *Line) bool { return len(l.Message)%2 == 0 }
		v := r.View(even)
		for round := range 3 {
			for i, size := range sizes {
				l := Line{Message: strings.Repeat("x", int(size)), Task: fmt.Sprint(round, i), ID: "id"}
				r.Append(l)
				m.append(l, maxLines, maxBytes)
				if i%3 == 0 {
					v.Update()
				}
			}
		}
		v.Update()
		if r.Len() != len(m.lines) || r.First() != m.first || r.Bytes() != m.bytes() || r.Next() != m.first+len(m.lines) {
			t.Fatalf("len %d first %d bytes %d, want %d %d %d", r.Len(), r.First(), r.Bytes(), len(m.lines), m.first, m.bytes())
		}
		var want []int
		for i, l := range m.lines {
			got, ok := r.At(m.first + i)
			if !ok || got != l {
				t.Fatalf("line %d is %+v, want %+v", m.first+i, got, l)
			}
			if even(&l) {
				want = append(want, m.first+i)
			}
		}
		n := 0
		for number, l := range r.All() {
			if number != m.first+n || l != m.lines[n] {
				t.Fatalf("All gives %d %+v", number, l)
			}
			n++
		}
		if _, ok := r.At(m.first - 1); ok {
			t.Error("a dropped line is still there")
		}
		if _, ok := r.At(r.Next()); ok {
			t.Error("a line that has not come is there")
		}
		if v.Len() != len(want) {
			t.Fatalf("the view has %d lines, want %d", v.Len(), len(want))
		}
		for i, number := range want {
			if got, l, ok := v.At(i); !ok || got != number || l != m.lines[number-m.first] {
				t.Fatalf("the view's line %d is %d %+v", i, got, l)
			}
		}
	})
}

func TestRingViewSkipsWhatIsDropped(t *testing.T) {
	r := NewRing(3, 0)
	v := r.View(func(*Line) bool { return true })
	r.Append(Line{Message: "a"}, Line{Message: "b"}, Line{Message: "c"})
	v.Update()
	r.Append(Line{Message: "d"})
	if _, _, ok := v.At(0); ok {
		t.Error("the view gives a line that the ring dropped")
	}
	if n, l, ok := v.At(1); !ok || n != 1 || l.Message != "b" {
		t.Errorf("got %d %+v %v", n, l, ok)
	}
	v.Update()
	if v.Len() != 3 {
		t.Errorf("%d lines", v.Len())
	}
}

func lines(n int) []Line {
	out := make([]Line, n)
	now := time.Now()
	for i := range out {
		out[i] = Line{Time: now, Task: "0f9de17a6465404e8b1b2356dc13c2f8", Message: fmt.Sprintf(`{"level":"info","ts":"2026-01-01T00:00:00Z","msg":"request %d served in 3 ms"}`, i)}
	}
	return out
}

func BenchmarkRingAppend(b *testing.B) {
	in := lines(1000)
	r := NewRing(0, 0)
	b.ReportAllocs()
	for b.Loop() {
		r.Append(in...)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkRingAppendWithFilter(b *testing.B) {
	in := lines(1000)
	r := NewRing(0, 0)
	v := r.View(func(l *Line) bool { return strings.Contains(l.Message, "request 99") })
	b.ReportAllocs()
	for b.Loop() {
		r.Append(in...)
		v.Update()
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkTail reads from a server in the process: what it measures is mostly
// the SDK's decoding.
func BenchmarkTail(b *testing.B) {
	g := newGroup()
	g.perPage = 10_000
	for i, l := range lines(50_000) {
		g.events = append(g.events, event{id: i, stream: "ecs/app/" + l.Task, at: int64(i), message: l.Message})
	}
	var body any
	g.answer = func(op string, in request) (int, any) {
		key := ""
		if s, ok := in["nextToken"].(string); ok {
			key = s
		}
		if body == nil {
			body = map[string]any{}
		}
		pages := body.(map[string]any)
		if pages[key] == nil {
			_, out := g.reply(op, in)
			pages[key] = marshal(b, out)
		}
		return 200, pages[key]
	}
	r := NewRing(0, 0)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for line, err := range Tail(b.Context(), g.config(), TailOptions{Group: "g"}) {
			if err != nil {
				b.Fatal(err)
			}
			r.Append(line)
			n++
		}
		if n != 50_000 {
			b.Fatalf("%d lines", n)
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds(), "lines/s")
}
