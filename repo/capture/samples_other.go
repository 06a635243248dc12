//go:build !linux

package capture

// machineSampler samples nothing on this system: SPEC.md lists what each system samples.
type machineSampler struct{}

func (*machineSampler) sample(string, int, map[string]float64) {}
