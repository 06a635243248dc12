package capture

import (
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPortable(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, c := range []struct{ arg, want string }{
		{"/home/ada/p/data.csv", "{project}/data.csv"},
		{"--out=/home/ada/p", "--out={project}"},
		{"/home/ada/other", "~/other"},
		{"/home/adam", "/home/adam"},
		{"/home/ada/project2", "~/project2"},
		{"x/home/ada/p", "x/home/ada/p"},
		{"a:/home/ada/p:/home/ada", "a:{project}:~"},
		{"lr", "lr"},
	} {
		if got := Portable("/home/ada/p", c.arg); got != c.want {
			t.Errorf("%s: %s, want %s", c.arg, got, c.want)
		}
	}
}

// TestPortableAddress: a remote on this machine is recorded without the home folder, and comes back.
func TestPortableAddress(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, c := range []struct{ address, want string }{
		{"/home/ada/origin.git", "~/origin.git"},
		{"/home/ada/p/inner", "{project}/inner"},
		{"file:///home/ada/origin.git", "file://~/origin.git"},
		{"file:///srv/origin.git", "file:///srv/origin.git"},
		{"/srv/origin.git", "/srv/origin.git"},
		{"../origin.git", "../origin.git"},
		{"git@host:a/b.git", "git@host:a/b.git"},
		{"https://ada:x@host/a.git", "https://host/a.git"},
	} {
		got := portableAddress("/home/ada/p", c.address)
		back := LocalAddress("/home/ada/p", got)
		if got != c.want || back != c.address && c.address[:5] != "https" {
			t.Errorf("%s: %s, want %s; back %s", c.address, got, c.want, back)
		}
	}
}

func TestGPU(t *testing.T) {
	values := map[string]float64{}
	parseGPU("0, 55, 1024, 2048, 61, 200.5\n1, [N/A], 10, 100, [N/A], 3\nerror\n", values)
	want := map[string]float64{
		"gpu.0.use": 55, "gpu.0.memory": 50, "gpu.0.memory_bytes": 1 << 30, "gpu.0.temperature": 61,
		"gpu.0.power":  200.5,
		"gpu.1.memory": 10, "gpu.1.memory_bytes": 10 << 20, "gpu.1.power": 3,
	}
	if d := cmp.Diff(want, values); d != "" {
		t.Error(d)
	}
}

func TestSample(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of processes without further programs")
	}
	s := Sampler{Dir: t.TempDir(), PID: os.Getpid(), gpu: "-"}
	s.Sample(t.Context())
	got := s.Sample(t.Context())
	for _, key := range []string{"memory", "memory_bytes", "disk", "process.memory"} {
		if got[key] <= 0 {
			t.Errorf("%s is %v", key, got[key])
		}
	}
}
