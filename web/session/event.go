package session

// An Event is something a reader did. Hosts carry it as JSON.
//
// Shared events change what everybody in a room sees (the text, the kernel, the
// run, the cursor); the rest is a reader's own and never reaches a room's stream.
type Event struct {
	// Do is what was done:
	//
	//	open     Scenario, Kernel, Run, At   show a gallery scenario, a kernel override, a run, a cursor (below zero: its end)
	//	open     Text, Kernel, Run, At       the same with a text that is not in the gallery
	//	open     Link                        what an address says: see package link
	//	open                                 show everything there is, once more
	//	text     Text                        the scenario's text is now Text
	//	kernel   Kernel                      run on another kernel; "" is the one of the text
	//	step     Choice, At                  the actor of Choice makes its next step, at cursor At
	//	goto     At, N                       move the cursor: back, forward, scrub; N 1: and put aside what does not matter for what goes wrong
	//	run      To, Lane, At, N             go on until something: To is over, return, conflict, write, false or random (with seed N); with the
	//	                                     steps that stand ahead, or those of the CPU of Lane alone
	//	keep     Text, Run                   keep the present run as a branch of that name; or call the branch Run so
	//	forget   Run                         drop a branch
	//	note     At, Text                    put a note at step At; an empty one takes it away
	//	watch    N                           watch cell N, or no more
	//	rows     At                          draw the rows around step At, where the run is too long for all of them
	//	check    N, To                       check with a bound of N states; 0: the default. To says what of the states is kept: "" their fingerprints, exact
	//	                                     whole states, reduced fewer of them
	//	explain                              find out what the verdict rests on: which rules, what was caught; or what repairs it
	//	more     N                           go on with the check, or with explain, for about N transitions
	//	stop     N                           leave it where it is: check, or explain, goes on; a host says after how many seconds it did so
	//	show     Claim, Run, At, Kernel      put a run into the place of the present one, such as the counterexample of the claim; on another kernel, if one is named
	//	complete, hover  N                   the editor asks at offset N of the text
	//	cell     N                           open cell N: its bits, who wrote it; below zero: none
	//	compare  Kernel, Run                 set the run beside itself on another kernel, or beside the branch Run; neither: say which there are
	//	words                                tell how the run came to where it stands, where nothing goes wrong
	//	find     Text, N                     list the steps, and the cells, that have these words; N: so many steps
	//	palette  Text                        list commands, scenarios, kernels, rules and claims that the letters may mean
	//	format                               write the text in canonical form: the editor is told
	//	claim    Text                        write into the text that the claim Text is judged: the editor is told
	//	changes                              set the text beside the one that it began as
	//	export   To, N, Text, Link           answer with the run as To: text, mermaid, svg (Text "dark": for the night), json, trace or html
	//	                                     (Link: where the playground is: "https://HOST"); without To, write the diagram as text into the panel that it is copied from.
	//	                                     Diagrams are of the steps that matter for what goes wrong; N 1: of all
	//	address                              say what the address of the present run is
	//	import   Text                        answer with the address of the run in a file that export json wrote
	Do string `json:"do"`

	Scenario string `json:"scenario,omitempty"`
	Text     string `json:"text,omitempty"`
	Kernel   string `json:"kernel,omitempty"`
	Run      string `json:"run,omitempty"`
	Choice   string `json:"choice,omitempty"` // "0" or "2:3": actor, or actor and key
	Claim    string `json:"claim,omitempty"`
	To       string `json:"to,omitempty"`
	Lane     string `json:"lane,omitempty"` // "cpu0"
	At       int    `json:"at,omitempty"`
	N        int    `json:"n,omitempty"`
	Link     string `json:"link,omitempty"`
}

// A Fragment is one change to the page. Applying the fragments of an event in
// order brings a page that showed the state before it to the state after it.
type Fragment struct {
	// Op is what to do:
	//
	//	morph     replace the element ID by HTML, keeping focus, caret and a reader's own classes
	//	append    add HTML as the last children of the element ID
	//	prepend   add HTML as its first children
	//	truncate  keep the first N children of the element ID
	//	drop      remove its first N children
	//	remove    remove the element ID
	//	attr      set the attribute Name of the element ID to Value
	//	say       the screen reader's sentence: HTML is plain text
	//	answer    an answer for the script (tokens, diagnostics, completion, hover, export, import): Value is JSON
	//	address   the address bar: Value is the path, query and fragment of the present run; without a Value it has changed, and the
	//	          event address says to what
	Op    string `json:"op"`
	ID    string `json:"id,omitempty"`
	HTML  string `json:"html,omitempty"`
	N     int    `json:"n,omitempty"`
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
}
