package scenario

// What a scenario may have at most. A message that says "too many" says how
// many there are and how many are possible.
const (
	maxText       = 64 << 10 // bytes
	maxCPUs       = 8
	maxTasks      = 8
	maxMMs        = 4
	maxVMAs       = 8  // in an mm
	maxPages      = 16 // in a VMA
	maxFiles      = 4
	maxFrames     = 64 // in use at the start, free, and tables if they come from frames
	maxStatements = 32 // in a task
	maxExpects    = 64
	maxEnds       = 16 // never, sometimes, always
	maxNode       = 1  // the highest
	maxPreempts   = 3  // of a CPU
	maxValue      = 16 // characters of a content
	maxValues     = 32 // different contents
	maxName       = 32 // characters
	maxTitle      = 300
	maxNesting    = 16 // brackets and nots in a condition

	maxDiagnostics = 100 // more are counted, not listed
)
