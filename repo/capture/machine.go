package capture

import (
	"os"
	"runtime"

	"github.com/gitruns/runs/format"
)

// Machine describes the machine that this process runs on.
func Machine() *format.Machine {
	m := &format.Machine{Cores: int64(runtime.NumCPU())}
	m.Host, _ = os.Hostname()
	m.Kernel, m.CPU, m.Memory = machine()
	m.GPUs = gpus()
	return m
}
