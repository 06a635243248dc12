package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
)

// version is the version of the next release.
const version = "0.1.0"

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Print the version of runs, and the schema of the records that it writes.

    runs version --json`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.printJSON(versionJSON{
					Arch: runtime.GOARCH, Commit: builtFrom(), Go: runtime.Version(), OS: runtime.GOOS, Protocol: clientProtocol,
					Schema: format.Schema, Version: version,
				})
			}
			a.printVersion()
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the version as JSON")
	return cmd
}

type versionJSON struct {
	Arch     string `json:"arch"`
	Commit   string `json:"commit"` // empty if unknown
	Go       string `json:"go"`
	OS       string `json:"os"`
	Protocol int    `json:"protocol"`
	Schema   int    `json:"schema"`
	Version  string `json:"version"`
}

// builtFrom returns the commit from which the program was built, or "" if it is unknown.
func builtFrom() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func (a *app) printVersion() {
	commit := builtFrom()
	if commit != "" {
		commit = ", commit " + commit[:min(len(commit), 12)]
	}
	a.print("runs %s (schema %d%s, %s, %s/%s)",
		version, format.Schema, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
