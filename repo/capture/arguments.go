package capture

import "strings"

// PythonRun is what a Python runs: a script, which may be a folder, a module, or text in the command or from stdin.
type PythonRun struct {
	Script, Module string
	Inline         bool
}

// PythonRuns reads the arguments of a Python.
func PythonRuns(args []string) PythonRun {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-":
			return PythonRun{Inline: true}
		case arg == "--check-hash-based-pycs":
			i++
			continue
		case strings.HasPrefix(arg, "--"):
			continue
		case !strings.HasPrefix(arg, "-"):
			return PythonRun{Script: arg}
		}
		// Flags of one letter may share an argument. The value of -m, -W and -X follows, in it or after it.
		flags := arg[1:]
		at := strings.IndexAny(flags, "cmWX")
		switch {
		case at < 0:
		case flags[at] == 'c':
			return PythonRun{Inline: true}
		case flags[at] == 'm' && at < len(flags)-1:
			return PythonRun{Module: flags[at+1:]}
		case flags[at] == 'm' && i+1 < len(args):
			return PythonRun{Module: args[i+1]}
		case at == len(flags)-1:
			i++
		}
	}
	return PythonRun{}
}
