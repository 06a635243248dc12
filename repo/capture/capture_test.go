package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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

func TestDataset(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("data/b.txt", "b")
	write("data/a/x", "xx")
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	d, err := Dataset(context.Background(), root, "", filepath.Join(root, "data/b.txt"))
	if err != nil || d.Name != "b" || d.Path != "data/b.txt" || d.SHA256 != sum("b") || d.Bytes != 1 || d.Files != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = Dataset(context.Background(), root, "all", filepath.Join(root, "data"))
	want := sum("a/x\x002\x00" + sum("xx") + "\n" + "b.txt\x001\x00" + sum("b") + "\n")
	if err != nil || d.SHA256 != want || d.Bytes != 3 || d.Files != 2 {
		t.Errorf("%+v, %v; want digest %s", d, err, want)
	}
	for _, c := range []struct{ path, reason string }{{"s3://bucket/x", "URL"}, {filepath.Join(root, "none"), "no such file"}, {"/dev/null", "neither a file nor a folder"}} {
		if _, err := Dataset(context.Background(), root, "", c.path); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

func TestGPU(t *testing.T) {
	values := map[string]float64{}
	parseGPU("0, 55, 1024, 2048, 61, 200.5\n1, [N/A], 10, 100, [N/A], 3\nerror\n", values)
	want := map[string]float64{
		"gpu.0.use": 55, "gpu.0.memory": 50, "gpu.0.memory_bytes": 1 << 30, "gpu.0.temperature": 61, "gpu.0.power": 200.5,
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
