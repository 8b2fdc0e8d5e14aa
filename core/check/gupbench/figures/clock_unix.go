//go:build unix

package main

import (
	"syscall"
	"time"
)

func init() { cpuTime = cpuTimeHere }

func cpuTimeHere() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("figures: the process has no CPU time: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
