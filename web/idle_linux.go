package web

import (
	"log/slog"
	"runtime"
	"syscall"
)

// behindOthers puts the calling goroutine's work behind everything else on the machine, until it ends: it gets a thread
// of its own, of the least priority, and that ends with it.
func behindOthers() {
	runtime.LockOSThread()
	const least = 19
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), least); err != nil {
		slog.Debug("the matrix is computed with the priority of everything else", "err", err)
	}
}
