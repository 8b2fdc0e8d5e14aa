// Package replay plays programs that ran on real kernels, and says where the model differs.
//
// Its noun is the Program: a sequence of memory-management operations, each
// with the Observation that a real kernel left behind it: what it returned, page tables,
// frames, swap, page cache, disk. TRUTH.md says how the programs of the corpus
// (testdata) were made, and what every field means. Its law: what a real kernel did is right.
//
//	op.go           operations, parsed
//	observation.go  what is seen after one
//	program.go      files of programs
//	leaf.go         an observation as a list of leaves, the unit of counting
//	labels.go       how frames and swap entries get their labels
//	renaming.go     which label of the model is which of the kernel's
//	judge.go        a program against a Model
//	scope.go        what is not compared, and why
//	report.go       counts, and the first difference of each program
package replay
