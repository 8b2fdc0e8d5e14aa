package check

// LookAheadFrom has proofs look ahead from so many states on, until the function that it returns is called.
func LookAheadFrom(states uint64) (restore func()) {
	was := siftFrom
	siftFrom = states
	return func() { siftFrom = was }
}
