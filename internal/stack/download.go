package stack

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// watchInterval is how often a download's size is looked at.
const watchInterval = 500 * time.Millisecond

// watchDownload makes a folder for temporary files, in which Terraform collects
// a provider before it unpacks it, and tells of the growth there: init itself
// says nothing for the minutes that the AWS provider may take. The function that
// it returns ends that and removes the folder.
func watchDownload(emit func(Event)) (dir string, end func(), err error) {
	dir, err = os.MkdirTemp("", "workshop-init-*")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the download: %w", err)
	}
	unwatch := watchSize(func() int64 { return sizeOf(dir) }, emit)
	return dir, func() {
		unwatch()
		_ = os.RemoveAll(dir) // in the system's temporary folder, which is cleaned anyway
	}, nil
}

// watchSize tells of the growth of what size measures until the function that it returns
// is called.
func watchSize(size func() int64, emit func(Event)) (end func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		var told int64
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if done := size(); done > told {
				told = done
				send(emit, Event{Type: EventDownload, Op: OpInit, Message: "Terraform's provider", Progress: &Progress{Done: done}})
			}
		}
	})
	return func() {
		close(quit)
		wg.Wait()
	}
}

// sizeOf is the size of the files in a folder, in bytes.
func sizeOf(dir string) int64 {
	var n int64
	for _, name := range filesIn(dir, "*") {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}
