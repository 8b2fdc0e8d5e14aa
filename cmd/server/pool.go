package main

import "sync"

// inOrder calls work for every number below n, on so many goroutines, and done
// with the results one after the other, in the order of the numbers, whichever is ready
// first. It stops early when done returns false.
func inOrder[T any](n, workers int, work func(i int) T, done func(i int, result T) bool) {
	results := make([]chan T, n)
	for i := range results {
		results[i] = make(chan T, 1)
	}
	next := make(chan int)
	quit := make(chan struct{})
	var running sync.WaitGroup
	for range min(n, workers) {
		running.Add(1)
		go func() {
			defer running.Done()
			for i := range next {
				results[i] <- work(i)
			}
		}()
	}
	go func() {
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-quit:
				return
			}
		}
	}()
	for i := range n {
		if !done(i, <-results[i]) {
			break
		}
	}
	close(quit)
	running.Wait()
}
