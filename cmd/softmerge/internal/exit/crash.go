package exit

import "runtime/debug"

// AbortWhenFatal makes what cannot be recovered, as a rule that the system gives no more memory, end the program by a
// signal (exit code 134 in shells) and leave no core file. The Go runtime would end it with 2, the code of a usage
// error. Windows has no such signal.
func AbortWhenFatal() {
	noCore()
	debug.SetTraceback("crash")
}
