package repo

import "os"

// stopProcess kills a process, because Windows has no way to ask it to end.
func stopProcess(p *os.Process) { _ = p.Kill() }
