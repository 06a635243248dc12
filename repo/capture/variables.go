package capture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// DefaultVariables are the environment variables that are always recorded. They affect what a training program
// computes, or on which device.
var DefaultVariables = []string{
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG",
	"NVIDIA_VISIBLE_DEVICES",
	"NVIDIA_TF32_OVERRIDE", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NCCL_*", "PYTORCH_*", "TORCH_*",
	"TORCHDYNAMO_*", "TF_CPP_*", "TF_XLA_*", "TF_GPU_*", "TF_DETERMINISTIC_*", "TF_ENABLE_*", "TF_FORCE_*",
	"TF_NUM_*", "TF_CUDNN_*", "TF_USE_LEGACY_KERAS",
	"XLA_*", "JAX_*",
	"KERAS_BACKEND", "OMP_*", "MKL_*", "KMP_*", "GOMP_*", "OPENBLAS_*", "NUMEXPR_*", "VECLIB_MAXIMUM_THREADS",
	"PYTHONHASHSEED",
	"PYTHONOPTIMIZE", "PYTHONPATH", "PYTHONNOUSERSITE", "TOKENIZERS_PARALLELISM", "HF_HUB_OFFLINE",
	"TRANSFORMERS_OFFLINE",
	"WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT",
	"ACCELERATE_*",
	"SLURM_*", "PBS_*", "LSB_*", "SGE_*", "JOB_ID", "GOMAXPROCS", "LD_PRELOAD",
}

// maxVariable bounds the value of one variable, in bytes.
const maxVariable = 4096

// variables returns the variables to record, and the names of those that are withheld because they may be secrets or
// are too long.
func variables(q EnvironmentRequest) (values map[string]string, withheld []string) {
	patterns := append(DefaultVariables[:len(DefaultVariables):len(DefaultVariables)], q.Variables...)
	values = map[string]string{}
	for name, value := range q.environ() {
		if name == "PYTHONPATH" && os.Getenv(AddedPath) != "" {
			value = strings.Join(withoutAdded(filepath.SplitList(value)), string(os.PathListSeparator))
		}
		if name == "" || value == "" ||
			!slices.ContainsFunc(patterns, func(p string) bool { return matchName(p, name) }) {
			continue
		}
		if len(value) > maxVariable || looksSecret(name, value) || format.CheckKey(name) != nil {
			withheld = append(withheld, printable(name))
			continue
		}
		values[name] = strings.ToValidUTF8(Portable(q.Root, value), "\ufffd")
	}
	slices.Sort(withheld)
	if len(values) == 0 {
		values = nil
	}
	return values, withheld
}

// environ returns the variables of the program.
func (q EnvironmentRequest) environ() map[string]string {
	all := map[string]string{}
	for _, v := range append(os.Environ(), q.Env...) {
		if name, value, ok := strings.Cut(v, "="); ok {
			all[name] = value
		}
	}
	return all
}
