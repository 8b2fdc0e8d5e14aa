package scenario

// What a scenario may have at most. A message that says "too many" says how
// many there are and how many are possible.
const (
	maxText       = 64 << 10 // bytes
	maxCPUs       = 8
	maxTasks      = 8
	maxMMs        = 4
	maxVMAs       = 8       // in an mm
	maxPages      = 16      // in a VMA, or as many as two huge pages have; and in a file
	maxAllPages   = 8 << 10 // in all VMAs
	maxFiles      = 4
	maxSlots      = 64
	maxBlocks     = 64
	maxFrames     = 64 // or as many as eight huge pages have: in use at the start, free, and tables if they come from frames
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

// maxPages is how many pages a VMA or a file may have: two huge pages at least.
func (b *builder) maxPages() int { return max(maxPages, 2*b.file.setup.HugePages) }

// maxFrames is how many frames there may be: those of eight huge pages at least.
func (b *builder) maxFrames() int { return max(maxFrames, 8*b.file.setup.HugePages) }
