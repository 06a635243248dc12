package capture

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func clearVariables(t *testing.T) {
	t.Helper()
	now, _ := variables(EnvironmentRequest{})
	for name := range now {
		t.Setenv(name, "")
	}
	t.Setenv("PYTHONPATH", "")
	t.Setenv(AddedPath, "")
}

// A record may set what changes a result, and nothing that makes another program run, loads code or talks to others.
func TestRestorable(t *testing.T) {
	q := VariablesRequest{Allowed: []string{"MY_*", "LD_*", "GIT_*", "HTTPS_PROXY", "APP_*"}}
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"PYTHONHASHSEED", "0", true},
		{"PYTHONHASHSEED", "random", true},
		{"PYTHONHASHSEED", "x", false},
		{"PYTHONHASHSEED", "4294967296", false},
		{"CUBLAS_WORKSPACE_CONFIG", ":4096:8", true},
		{"TF_DETERMINISTIC_OPS", "1", true},
		{"OMP_NUM_THREADS", "4,2", true},
		{"OMP_NUM_THREADS", "4\n", false},
		{"OMP_TOOL_LIBRARIES", "evil.so", false},
		{"KMP_DUPLICATE_LIB_OK", "TRUE", true},
		{"PYTORCH_CUDA_ALLOC_CONF", "max_split_size_mb:128", true},
		{"PYTORCH_NVCC", "evil", false},
		{"PYTORCH_KERNEL_CACHE_PATH", "cache", false},
		{"TORCH_HOME", "~/x", false},
		{"TORCH_HOME", "x", false},
		{"JAX_ENABLE_X64", "1", true},
		{"JAX_COMPILATION_CACHE_DIR", "cache", false},
		{"JAX_PLATFORMS", "evil", false},
		{"XLA_FLAGS", "--xla_gpu_deterministic_ops=true --xla_cpu_multi_thread_eigen=false", true},
		{"XLA_FLAGS", "--xla_gpu_cuda_data_dir=evil", false},
		{"XLA_FLAGS", "--xla_dump_to=evil", false},
		{"XLA_FLAGS", "--flagfile=evil", false},
		{"TF_XLA_FLAGS", "--tf_xla_auto_jit=2", true},
		{"KERAS_BACKEND", "jax", true},
		{"KERAS_BACKEND", "evil", false},
		{"NCCL_ALGO", "Ring", true},
		{"NCCL_NET_PLUGIN", "evil", false},
		{"GOMAXPROCS", "2", true},
		{"MKL_CBWR", "AVX2,STRICT", true},
		{"LD_PRELOAD", "evil.so", false},
		{"LD_LIBRARY_PATH", "lib", false},
		{"PYTHONSTARTUP", "x.py", false},
		{"PYTHONHOME", "x", false},
		{"GIT_SSH_COMMAND", "evil", false},
		{"GIT_DIR", "x", false},
		{"BASH_ENV", "x", false},
		{"NODE_OPTIONS", "-r x", false},
		{"http_proxy", "evil", false},
		{"HTTPS_PROXY", "evil", false},
		{"PATH", "bin", false},
		{"HOME", "x", false},
		{"MY_SEED", "3", true},
		{"MY_FILE", "/etc/passwd", false},
		{"MY_URL", "x", false},
		{"MY_LIB_PATH", "x", false},
		{"MY_X", "$(evil)", false},
		{"MY_X", "~", false},
		{"MY_X", "{project}", false},
		{"APP_PLUGINS", "x", false},
		{"APP_MODE", "a b", true},
		{"OTHER", "1", false},
	} {
		if got := q.restorable(c.name, c.value); got != c.want {
			t.Errorf("%s=%s: %v", c.name, c.value, got)
		}
	}
}

func TestRestoreVariables(t *testing.T) {
	clearVariables(t)
	root, project := t.TempDir(), t.TempDir()
	outside := t.TempDir()
	for _, dir := range []string{"src", "sub/lib"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Skip(err)
	}
	for name, value := range map[string]string{
		"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "1", "TOKENIZERS_PARALLELISM": "true",
		"PYTHONPATH": filepath.Join(project, "src") + ":" + outside,
	} {
		t.Setenv(name, value)
	}
	got := RestoreVariables(VariablesRequest{
		Recorded: &format.Environment{
			Variables: map[string]string{
				"OMP_NUM_THREADS": "4", "TOKENIZERS_PARALLELISM": "true", "CUDA_VISIBLE_DEVICES": "0",
				"SLURM_JOB_ID": "7", "LD_PRELOAD": "evil.so", "PYTHONHASHSEED": "0",
				"PYTHONPATH": "{project}/src:lib:{project}/../..:{project}/link:/opt/evil:{project}evil:gone:" + outside,
			},
			Withheld: []string{"HF_TOKEN"},
		},
		Root: root, Dir: filepath.Join(root, "sub"), Project: project,
	})
	want := RestoredVariables{
		Set: []string{
			"OMP_NUM_THREADS=4", "PYTHONHASHSEED=0",
			"PYTHONPATH=" + filepath.Join(root, "src") + ":" + filepath.Join(root, "sub", "lib") + ":" + outside,
		},
		Left: []LeftVariable{
			{Name: "HF_TOKEN", Withheld: true},
			{Name: "LD_PRELOAD", Recorded: "evil.so"},
			{Name: "MKL_NUM_THREADS", Now: "1"},
			{
				Name: "PYTHONPATH", Now: shorten(outside),
				Recorded: shorten("{project}/../..:{project}/link:/opt/evil:{project}evil:gone"),
			},
		},
		Machine: []string{"CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The same environment needs nothing, and a record without one is none.
func TestRestoreVariablesSame(t *testing.T) {
	clearVariables(t)
	t.Setenv("OMP_NUM_THREADS", "2")
	got := RestoreVariables(VariablesRequest{
		Recorded: &format.Environment{Variables: map[string]string{"OMP_NUM_THREADS": "2"}}, Root: t.TempDir(),
	})
	if d := cmp.Diff(RestoredVariables{}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	t.Setenv("OMP_NUM_THREADS", "")
	if d := cmp.Diff(RestoredVariables{}, RestoreVariables(VariablesRequest{Root: t.TempDir()})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The record of a reproduction has the variables that its program got.
func TestVariablesOfProgram(t *testing.T) {
	clearVariables(t)
	t.Setenv("OMP_NUM_THREADS", "2")
	got, _ := variables(EnvironmentRequest{Env: []string{"OMP_NUM_THREADS=4", "PYTHONHASHSEED=1"}})
	if d := cmp.Diff(map[string]string{"OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "1"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
