package repo

import "os"

// stopProcess ends a process: there is no way to ask it.
func stopProcess(p *os.Process) { _ = p.Kill() }
