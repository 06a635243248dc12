package main

import (
	_ "embed"

	"github.com/spf13/cobra"
)

// bashCompletion replaces cobra's script, which calls functions of the bash-completion package.
//
//go:embed completion.bash
var bashCompletion string

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script for shell completion",
		Long: `Print a script that completes commands, flags, runs, metrics, params, tags,
groups, branches and more in a shell. Load it in the shell's start file:

    source <(runs completion bash)        # in ~/.bashrc
    source <(runs completion zsh)         # in ~/.zshrc, after compinit
    runs completion fish | source         # in ~/.config/fish/config.fish
    runs completion powershell | Out-String | Invoke-Expression   # in $PROFILE

The script for bash needs no other package. Loading costs one start of runs.`,
		Args: arguments(1, 1, "bash, zsh, fish or powershell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			out, root := a.term.Data(), cmd.Root()
			switch args[0] {
			case "bash":
				_, err := out.Write([]byte(bashCompletion))
				return err
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return usagef("completion: the shell must be bash, zsh, fish or powershell, got %q", args[0])
		},
	}
}
