package web

import (
	"log/slog"
	"runtime"
	"syscall"
)

// low is what nice gives: a tenth of what others get of a core that they want too.
const low = 10

// behindOthers puts the calling goroutine's work behind everything else on the machine, until it ends: it gets a thread
// of its own, of low priority, and that ends with it.
func behindOthers() {
	runtime.LockOSThread()
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), low); err != nil {
		slog.Debug("the matrix is computed with the priority of everything else", "err", err)
	}
}
