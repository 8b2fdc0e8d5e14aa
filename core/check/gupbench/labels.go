package gupbench

// Labels of gup.pml. A task at an end label has nothing more to do.
const (
	G0 = iota
	G1
	G2
	G2b
	G3
	G4
	G4b
	G5
	G6
	G7
	G9
	G9b
	G10
	G11
	G8
	GE
	R0
	R1
	R2
	R3
	R4
	RE
	A0
	A1
	A1b
	A2
	A3
	A4
	A5
	A6
	AE
	T0
	T1
	T2
	T3
	T4
	TE
)
