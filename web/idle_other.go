//go:build !linux

package web

// behindOthers does nothing where threads have no priorities of their own.
func behindOthers() {}
