package capture

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
)

// VariablesRequest describes the variables of a run that is to be repeated.
type VariablesRequest struct {
	Recorded *format.Environment // of the run; may be nil
	Root     string              // of the restored source
	Dir      string              // where the program runs, below Root
	Project  string              // root of the project in this clone
	Allowed  []string            // environment.variables of this clone's config
}

// RestoredVariables says which recorded variables a program gets, and how its other variables differ.
type RestoredVariables struct {
	Set     []string // NAME=value, sorted; what the environment has already is left out
	Left    []LeftVariable
	Machine []string // names of variables of the machine or its scheduler that differ, sorted
}

// LeftVariable is a variable that the program does not get as it was recorded.
type LeftVariable struct {
	Name          string
	Recorded, Now string // shortened; empty if it is not set
	Withheld      bool   // the value was not recorded, because it may be a secret
}

// anyVariable are variables that change what a program computes and can do nothing else. Their values must be plain. A
// record may come from a stranger: what is not listed here could make another program run, load a library, or send data
// elsewhere.
var anyVariable = []string{
	"CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING", "NCCL_ALGO", "NCCL_PROTO",
	"OMP_NUM_THREADS", "OMP_DYNAMIC", "OMP_SCHEDULE", "OMP_NESTED", "OMP_MAX_ACTIVE_LEVELS", "OMP_THREAD_LIMIT",
	"OMP_WAIT_POLICY", "OMP_STACKSIZE", "OMP_CANCELLATION", "KMP_DUPLICATE_LIB_OK", "KMP_DETERMINISTIC_REDUCTION",
	"KMP_BLOCKTIME", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_CBWR", "MKL_THREADING_LAYER", "MKL_INTERFACE_LAYER",
	"MKL_DOMAIN_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS",
	"VECLIB_MAXIMUM_THREADS", "GOMAXPROCS", "PYTHONNOUSERSITE", "PYTHONOPTIMIZE", "TOKENIZERS_PARALLELISM",
	"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF",
	"PYTORCH_ALLOC_CONF", "PYTORCH_NO_CUDA_MEMORY_CACHING", "PYTORCH_ENABLE_MPS_FALLBACK",
	"PYTORCH_MPS_HIGH_WATERMARK_RATIO", "PYTORCH_JIT", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
	"TORCH_CUDNN_V8_API_DISABLED", "TORCH_BLAS_PREFER_CUBLASLT", "TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE",
	"TF_DETERMINISTIC_*", "TF_CUDNN_*", "TF_ENABLE_*", "TF_NUM_*", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR",
	"TF_GPU_THREAD_MODE", "TF_GPU_THREAD_COUNT", "TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MIN_VLOG_LEVEL",
	"TF_USE_LEGACY_KERAS", "XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_MEM_FRACTION",
	"XLA_PYTHON_CLIENT_ALLOCATOR", "JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_DISABLE_JIT",
	"JAX_DEBUG_NANS", "JAX_DEFAULT_DTYPE_BITS", "JAX_DEFAULT_PRNG_IMPL", "JAX_THREEFRY_PARTITIONABLE",
	"JAX_NUMPY_RANK_PROMOTION", "JAX_NUMPY_DTYPE_PROMOTION", "ACCELERATE_MIXED_PRECISION",
}

// checkedVariable are variables whose values need more than to be plain.
var checkedVariable = map[string]func(value string) bool{
	"PYTHONHASHSEED": func(value string) bool {
		_, err := strconv.ParseUint(value, 10, 32)
		return err == nil || value == "random"
	},
	"KERAS_BACKEND": func(value string) bool { // any other is a module that Keras imports
		return slices.Contains([]string{"tensorflow", "jax", "torch", "numpy", "openvino", "theano"}, value)
	},
	"XLA_FLAGS":    plainFlags,
	"TF_XLA_FLAGS": plainFlags,
}

// machineVariable are variables that describe where a program runs. Another machine has its own.
var machineVariable = []string{
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
	"ROCR_VISIBLE_DEVICES", "SLURM_*", "PBS_*", "LSB_*", "SGE_*", "JOB_ID", "WORLD_SIZE", "RANK", "LOCAL_RANK",
	"LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_*", "NCCL_*", "OMP_PLACES", "OMP_PROC_BIND", "KMP_AFFINITY",
	"KMP_HW_SUBSET", "GOMP_CPU_AFFINITY", "HOME", "PATH", "USER", "LOGNAME", "HOSTNAME", "PWD", "OLDPWD", "SHELL",
	"TMPDIR", "TMP", "TEMP", "TERM", "DISPLAY", "XDG_*", "SSH_*", "LANG", "LC_*", "TZ",
}

// neverVariable are variables that a config of the project cannot allow either: with them, programs load code, find
// other programs, or talk to other hosts.
var neverVariable = []string{
	"LD_*", "DYLD_*", "PYTHON*", "GIT_*", "SSH_*", "*PROXY*", "*proxy*", "BASH*", "ENV", "IFS", "PS4", "PROMPT_COMMAND",
	"PERL*", "RUBY*", "NODE_*", "NPM_*", "npm_*", "JAVA_*", "_JAVA_*", "JDK_*", "CLASSPATH", "EDITOR", "VISUAL", "*PAGER*",
	"BROWSER", "*OPTIONS*", "*OPTS", "*PRELOAD*", "*LIBRAR*", "*PLUGIN*", "*_PATH", "*PATH", "*_HOME", "*_DIR", "*_ROOT",
	"*_URL", "*_URI", "*_HOST", "*_ADDR*", "*_SERVER*", "*ENDPOINT*", "*_CONFIG*", "*CERT*", "*_CMD", "*COMMAND*", "CC",
	"CXX", "CPP", "LD", "*FLAGS", "R_*", "JULIA_*", "PIP_*", "UV_*", "CONDA_*", "MAMBA_*", "POETRY_*", "VIRTUAL_ENV",
	"RUNS_*", "WANDB_*", "MLFLOW_*", "AWS_*", "AZURE_*", "GOOGLE_*", "DOCKER_*", "OMP_TOOL*", "MALLOC_*", "GCONV_*",
	"LOCPATH", "NLSPATH", "MAKEFLAGS", "MAKEFILES", "GLIBC_*", "HF_*", "TORCH_*", "TORCHINDUCTOR_*", "CUDA_*", "TRITON_*",
}

// maxPlain bounds a value that is set from a record, in bytes.
const maxPlain = 256

// plainValue reports whether a value is a word or a list of words: no path, no URL, and nothing that a shell expands.
func plainValue(value string) bool {
	return len(value) <= maxPlain && !strings.ContainsFunc(value, func(c rune) bool {
		return c > 0x7f || !isAlphanumeric(byte(c)) && !strings.ContainsRune("_.,:;=+*() -", c)
	})
}

// plainFlags reports whether a value is a list of flags of XLA that name no file and no program.
func plainFlags(value string) bool {
	for word := range strings.FieldsSeq(value) {
		name, _, _ := strings.Cut(word, "=")
		if !strings.HasPrefix(name, "--xla_") && !strings.HasPrefix(name, "--tf_xla_") {
			return false
		}
		for _, part := range []string{"dir", "dump", "path", "file", "plugin", "librar", "cache", "command"} {
			if strings.Contains(name, part) {
				return false
			}
		}
	}
	return true
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchName(p, name) })
}

// restorable reports whether a program may get a variable from a record.
func (q VariablesRequest) restorable(name, value string) bool {
	if !plainValue(value) || looksSecret(name, value) {
		return false
	}
	if check := checkedVariable[name]; check != nil {
		return check(value)
	}
	if matches(anyVariable, name) {
		return true
	}
	return matches(q.Allowed, name) && !matches(neverVariable, name) && !matches(DefaultVariables, name)
}

// RestoreVariables decides which recorded variables a program gets that repeats a run, and lists how its environment
// differs otherwise.
func RestoreVariables(q VariablesRequest) RestoredVariables {
	var r RestoredVariables
	recorded, withheld := map[string]string{}, []string(nil)
	if q.Recorded != nil {
		recorded, withheld = q.Recorded.Variables, q.Recorded.Withheld
	}
	request := EnvironmentRequest{Root: q.Project, Dir: q.Dir, Variables: q.Allowed}
	now, hidden := variables(request)
	names := maps.Clone(now)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, recorded)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		value, ok := recorded[name]
		switch {
		case name == "PYTHONPATH":
			r.pythonPath(q, value, now[name])
		case ok && value == now[name]:
		case matches(machineVariable, name) && !q.restorable(name, value):
			r.Machine = append(r.Machine, name)
		case ok && q.restorable(name, value):
			r.Set = append(r.Set, name+"="+value)
		default:
			r.Left = append(r.Left, LeftVariable{Name: name, Recorded: shorten(value), Now: shorten(now[name])})
		}
	}
	for _, name := range withheld {
		if !slices.Contains(hidden, name) {
			r.Left = append(r.Left, LeftVariable{Name: name, Now: shorten(now[name]), Withheld: true})
		}
	}
	slices.SortFunc(r.Left, func(a, b LeftVariable) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// pythonPath sets PYTHONPATH to the recorded folders of the project, in the restored source, and to the folders
// outside the project that this machine has set. Python imports code from them, so a record gives no others.
func (r *RestoredVariables) pythonPath(q VariablesRequest, recorded, now string) {
	var folders, others []string
	for _, folder := range filepath.SplitList(recorded) {
		if path := q.restoredFolder(folder); path != "" {
			folders = append(folders, path)
		} else {
			others = append(others, folder)
		}
	}
	given := withoutAdded(filepath.SplitList(os.Getenv("PYTHONPATH")))
	var kept []string
	for _, folder := range given {
		portable := Portable(q.Project, folder)
		if !filepath.IsAbs(folder) || strings.HasPrefix(portable, "{project}") {
			continue // the restored source has it, or lacked it
		}
		kept = append(kept, folder)
		others = slices.DeleteFunc(others, func(other string) bool { return other == portable })
	}
	all := append(folders, kept...)
	if !slices.Equal(all, given) {
		r.Set = append(r.Set, "PYTHONPATH="+strings.Join(all, string(os.PathListSeparator)))
	}
	if len(others) > 0 || recorded == "" && len(kept) > 0 {
		r.Left = append(r.Left, LeftVariable{
			Name: "PYTHONPATH", Recorded: shorten(strings.Join(others, string(os.PathListSeparator))),
			Now: shorten(strings.Join(kept, string(os.PathListSeparator))),
		})
	}
}

// restoredFolder returns the path that a folder of a recorded PYTHONPATH has in the restored source, or "" if it is not
// a folder there.
func (q VariablesRequest) restoredFolder(folder string) string {
	path := ""
	rest, ok := strings.CutPrefix(folder, "{project}")
	switch {
	case ok && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator):
		path = filepath.Join(q.Root, filepath.FromSlash(rest))
	case ok || filepath.IsAbs(folder) || strings.HasPrefix(folder, "~"):
		return ""
	default:
		path = filepath.Join(q.Dir, filepath.FromSlash(folder))
	}
	root, err := filepath.EvalSymlinks(q.Root)
	if err != nil {
		return ""
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(root, real)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return path
}

// maxShown is how much of a value a message shows, in bytes.
const maxShown = 80

func shorten(value string) string {
	if len(value) <= maxShown {
		return value
	}
	return strings.ToValidUTF8(value[:maxShown], "") + "…"
}
