package web

import (
	"syscall"
	"testing"
)

// Who computes the matrix is behind others; who answers requests is not.
func TestMatrixIsBehindOthers(t *testing.T) {
	before := priority(t, 0)
	got := make(chan int)
	go func() {
		behindOthers()
		got <- priority(t, syscall.Gettid())
	}()
	if p := <-got; p != low {
		t.Errorf("the worker has priority %d, want %d", p, low)
	}
	if p := priority(t, 0); p != before {
		t.Errorf("this thread had priority %d, and has %d", before, p)
	}
}

// priority is a thread's, 0 being this one's. The kernel tells it as 20 less it, so that no answer looks like an error.
func priority(t *testing.T, thread int) int {
	p, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	if err != nil {
		t.Error(err)
	}
	return 20 - p
}
