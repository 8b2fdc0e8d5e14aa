// Package scenario is the language in which races are written down, and what
// an editor wants to know of a text in it.
//
// TODO
package scenario
