// Package disktest has writes fail, as on a full or read-only disk.
package disktest

import (
	"errors"
	"sync"
	"syscall"

	"workshop/internal/jsonl"
)

// Disk is the machine's disk until it fails. It is safe for concurrent use.
type Disk struct {
	jsonl.OS
	mu    sync.Mutex
	err   error
	after int // writes that succeed before the disk fails
	short int // bytes of a failed write that reach the file
	n     int
}

// Fail has the disk fail with err from the write after the next n on, of which
// the first short bytes are written. A nil err repairs it.
func (d *Disk) Fail(err error, n, short int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.after, d.short = err, n, short
}

// Writes returns how often something was written.
func (d *Disk) Writes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// write returns how much of the next write is done where it fails, and how it ends.
func (d *Disk) write() (done int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	if d.err == nil {
		return 0, nil
	}
	if d.after > 0 {
		d.after--
		return 0, nil
	}
	return d.short, d.err
}

// readOnly returns the error of a change that needs no space.
func (d *Disk) readOnly() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.after > 0 || !errors.Is(d.err, syscall.EROFS) {
		return nil
	}
	return d.err
}

// OpenFile opens a file whose writes fail when the disk does. On a full disk a
// file can be created, as often on real ones.
func (d *Disk) OpenFile(name string, flag int) (jsonl.File, error) {
	if err := d.readOnly(); err != nil && flag != 0 {
		return nil, err
	}
	f, err := d.OS.OpenFile(name, flag)
	return &file{f, d}, err
}

// Rename fails on a read-only disk.
func (d *Disk) Rename(from, to string) error {
	if err := d.readOnly(); err != nil {
		return err
	}
	return d.OS.Rename(from, to)
}

// Remove fails on a read-only disk.
func (d *Disk) Remove(name string) error {
	if err := d.readOnly(); err != nil {
		return err
	}
	return d.OS.Remove(name)
}

type file struct {
	jsonl.File
	disk *Disk
}

func (f *file) Write(b []byte) (int, error) {
	if short, err := f.disk.write(); err != nil {
		n, _ := f.File.Write(b[:min(short, len(b))])
		return n, err
	}
	return f.File.Write(b)
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	if short, err := f.disk.write(); err != nil {
		n, _ := f.File.WriteAt(b[:min(short, len(b))], off)
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *file) Truncate(size int64) error {
	if err := f.disk.readOnly(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}
