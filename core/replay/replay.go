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
//	player.go       the Model: the machine of the scenarios, one operation at a time
//	start.go        the machine that a program needs
//	operations.go   operations as statements; files.go, reclaim.go
//	observe.go      what is seen of the machine
//	scope.go        what is not compared, and why
//	scenario.go     a program in the language of scenarios
//	report.go       counts, and the first difference of each program
//	all.go          many programs; where they differ first
package replay
