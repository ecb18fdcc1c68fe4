package fargate

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes are not measured here")
	}
	// Something to count: other tests may have been quick.
	sum := 0
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; {
		sum++
	}
	const nobody = 1 << 30
	got := Measure([]int{os.Getpid(), nobody})
	u, ok := got[os.Getpid()]
	if !ok || len(got) != 1 {
		t.Fatalf("measured %v after %d", got, sum)
	}
	if u.CPU <= 0 || u.CPU > time.Hour || u.Memory < 1<<20 || u.Memory > 4<<30 {
		t.Errorf("this process uses %+v", u)
	}
}
