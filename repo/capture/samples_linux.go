package capture

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machineSampler holds the counters of the last sample.
type machineSampler struct {
	busy, total  float64
	processTicks float64
	at           time.Time
}

// ticksPerSecond is USER_HZ. Programs see the value 100 on every Linux (see proc(5)).
const ticksPerSecond = 100

func (m *machineSampler) sample(dir string, pid int, values map[string]float64) {
	busy, total := cpuTicks()
	if m.total > 0 && total > m.total {
		values["cpu"] = 100 * (busy - m.busy) / (total - m.total)
	}
	m.busy, m.total = busy, total
	if total, available := memory(); total > 0 {
		values["memory"] = 100 * (total - available) / total
		values["memory_bytes"] = total - available
	}
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) == nil && fs.Blocks > 0 {
		values["disk"] = 100 * float64(fs.Blocks-fs.Bfree) / float64(fs.Blocks)
	}
	now := time.Now()
	ticks, resident := processes(pid)
	if resident > 0 {
		values["process.memory"] = resident
		if seconds := now.Sub(m.at).Seconds(); !m.at.IsZero() && seconds > 0 && ticks >= m.processTicks {
			values["process.cpu"] = 100 * (ticks - m.processTicks) / ticksPerSecond / seconds
		}
		m.processTicks, m.at = ticks, now
	}
}

// cpuTicks reads the first line of /proc/stat.
func cpuTicks() (busy, total float64) {
	data, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(line))
	for i, f := range fields[min(1, len(fields)):min(9, len(fields))] { // guest time is part of user time
		v, _ := strconv.ParseFloat(f, 64)
		total += v
		if i != 3 && i != 4 { // idle, iowait
			busy += v
		}
	}
	return busy, total
}

func memory() (total, available float64) {
	data, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		v, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "MemTotal:":
			total = v * 1024
		case "MemAvailable:":
			available = v * 1024
		}
	}
	return total, available
}

// processes adds up the processor time and resident memory of a process and its descendants.
func processes(pid int) (ticks, resident float64) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, 0
	}
	type process struct {
		parent          int
		ticks, resident float64
	}
	all := map[int]process{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		end := bytes.LastIndexByte(data, ')')
		fields := strings.Fields(string(data[end+1:]))
		if end < 0 || len(fields) < 22 {
			continue
		}
		// proc(5) counts the fields from 1. Here, index 0 is field 3; fields 4, 14 to 17 and 24 are read.
		p := process{}
		p.parent, _ = strconv.Atoi(fields[1])
		for _, i := range []int{11, 12, 13, 14} {
			v, _ := strconv.ParseFloat(fields[i], 64)
			p.ticks += v
		}
		pages, _ := strconv.ParseFloat(fields[21], 64)
		p.resident = pages * float64(os.Getpagesize())
		all[id] = p
	}
	for id, p := range all {
		for at, depth := id, 0; at > 1 && depth < 64; at, depth = all[at].parent, depth+1 {
			if at == pid {
				ticks += p.ticks
				resident += p.resident
				break
			}
		}
	}
	return ticks, resident
}
