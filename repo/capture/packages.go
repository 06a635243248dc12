package capture

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/lazyregexp"
	"github.com/gitruns/runs/repo/regular"
)

const maxPackageLock = 64 << 20

// nodePackages reads the nearest package-lock.json. It prefers the list of installed packages to the list of required
// ones (see https://docs.npmjs.com/cli/configuring-npm/package-lock-json).
func nodePackages(dir string) format.Packages {
	for at := dir; ; at = filepath.Dir(at) {
		for _, name := range []string{"node_modules/.package-lock.json", "package-lock.json"} {
			file := filepath.Join(at, filepath.FromSlash(name))
			if info, err := os.Stat(file); err != nil || info.Size() > maxPackageLock {
				continue
			}
			data, err := regular.ReadFile(file)
			var lock struct {
				Packages map[string]struct {
					Version string `json:"version"`
				} `json:"packages"`
			}
			if err != nil || json.Unmarshal(data, &lock) != nil {
				continue
			}
			found := format.Packages{}
			for path, p := range lock.Packages {
				if path != "" && p.Version != "" && format.CheckKey(path) == nil && format.CheckText(p.Version) == nil {
					found[strings.TrimPrefix(path, "node_modules/")] = p.Version
				}
			}
			return found
		}
		if filepath.Dir(at) == at {
			return nil
		}
	}
}

// rPackages reads the DESCRIPTION files of R's libraries, in the order of .libPaths().
func rPackages() format.Packages {
	var dirs []string
	for _, variable := range []string{"R_LIBS", "R_LIBS_USER", "R_LIBS_SITE"} {
		dirs = append(dirs, filepath.SplitList(os.Getenv(variable))...)
	}
	if home, err := os.UserHomeDir(); err == nil {
		users, _ := filepath.Glob(filepath.Join(home, "R", "*-library", "*"))
		dirs = append(dirs, users...)
	}
	if home := os.Getenv("R_HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, "library"))
	}
	dirs = append(
		dirs, "/usr/local/lib/R/site-library", "/usr/lib/R/site-library", "/usr/lib/R/library",
		"/usr/local/lib/R/library",
	)
	var found format.Packages
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		here := format.Packages{}
		for _, entry := range entries {
			for line := range strings.Lines(headOf(filepath.Join(dir, entry.Name(), "DESCRIPTION"), 16<<10)) {
				if version, ok := strings.CutPrefix(line, "Version:"); ok && format.CheckKey(entry.Name()) == nil {
					here[entry.Name()] = strings.TrimSpace(version)
					break
				}
			}
		}
		merge(&found, here)
	}
	return found
}

var versionNumber = lazyregexp.New(`[0-9]+(\.[0-9]+)+`)

// driverVersion returns the version of the NVIDIA kernel module.
func driverVersion() string {
	if v := strings.TrimSpace(headOf("/sys/module/nvidia/version", 100)); v != "" {
		return v
	}
	return versionNumber().FindString(headOf("/proc/driver/nvidia/version", 1000))
}

// cudaVersion returns the version of the CUDA toolkit in CUDA_HOME or in its usual folder.
func cudaVersion() string {
	for _, dir := range []string{os.Getenv("CUDA_HOME"), os.Getenv("CUDA_PATH"), "/usr/local/cuda"} {
		if dir == "" {
			continue
		}
		var v struct {
			CUDA struct {
				Version string `json:"version"`
			} `json:"cuda"`
		}
		if json.Unmarshal([]byte(headOf(filepath.Join(dir, "version.json"), 64<<10)), &v) == nil &&
			v.CUDA.Version != "" {
			return versionNumber().FindString(v.CUDA.Version)
		}
		if text := headOf(filepath.Join(dir, "version.txt"), 1000); text != "" {
			return versionNumber().FindString(text)
		}
	}
	return ""
}
