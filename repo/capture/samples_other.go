//go:build !linux

package capture

// machineSampler has nothing to tell here: SPEC.md names what each system samples.
type machineSampler struct{}

func (*machineSampler) sample(string, int, map[string]float64) {}
