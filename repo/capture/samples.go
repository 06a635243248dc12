package capture

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Sampler samples the machine and the processes of one program. Keys and units:
//
//	cpu             busy share of all processors since the last sample, per cent
//	memory          memory in use, per cent; memory_bytes in bytes
//	disk            space in use on the disk of the run, per cent
//	process.cpu     of the program and its child processes, per cent of one processor
//	process.memory  their resident memory, bytes
//	gpu.N.use, gpu.N.memory (per cent), gpu.N.memory_bytes, gpu.N.temperature (°C), gpu.N.power (W):
//	                from nvidia-smi
//
// Values that a system does not report are left out.
type Sampler struct {
	Dir string // a folder on the disk to measure
	PID int

	machine machineSampler
	gpu     string // path of nvidia-smi; "-" after it failed
}

// Sample returns the current values by key.
func (s *Sampler) Sample(ctx context.Context) map[string]float64 {
	values := map[string]float64{}
	s.machine.sample(s.Dir, s.PID, values)
	s.sampleGPU(ctx, values)
	return values
}

// gpuTimeout limits a call of nvidia-smi, which hangs if the driver hangs.
const gpuTimeout = 5 * time.Second

func (s *Sampler) sampleGPU(ctx context.Context, values map[string]float64) {
	if s.gpu == "" {
		path, err := exec.LookPath("nvidia-smi")
		if err != nil {
			path = "-"
		}
		s.gpu = path
	}
	if s.gpu == "-" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, gpuTimeout)
	defer cancel()
	cmd := exec.CommandContext(
		ctx, s.gpu, "--query-gpu=index,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw",
		"--format=csv,noheader,nounits",
	)
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.Run() != nil {
		if ctx.Err() == nil {
			s.gpu = "-"
		}
		return
	}
	parseGPU(out.String(), values)
}

// parseGPU reads the CSV output of nvidia-smi, whose memory is in MiB.
func parseGPU(text string, values map[string]float64) {
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) != 6 {
			continue
		}
		index, err := strconv.Atoi(strings.TrimSpace(fields[0]))
		if err != nil || index < 0 || index > 1024 {
			continue
		}
		prefix := "gpu." + strconv.Itoa(index) + "."
		number := func(i int) (float64, bool) {
			v, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64)
			return v, err == nil
		}
		if v, ok := number(1); ok {
			values[prefix+"use"] = v
		}
		used, ok := number(2)
		if total, okTotal := number(3); ok && okTotal && total > 0 {
			values[prefix+"memory"] = 100 * used / total
		}
		if ok {
			values[prefix+"memory_bytes"] = used * (1 << 20)
		}
		if v, ok := number(4); ok {
			values[prefix+"temperature"] = v
		}
		if v, ok := number(5); ok {
			values[prefix+"power"] = v
		}
	}
}
