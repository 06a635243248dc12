// Command cobra is the second step of the ladder that the part start of the benchmark measures: a command line and a
// TOML file.
package main

import (
	"os"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
)

func main() {
	var settings struct{ A int }
	_, err := toml.Decode("a = 1", &settings)
	command := &cobra.Command{Use: "cobra", Run: func(*cobra.Command, []string) {}}
	if err != nil || command.Execute() != nil {
		os.Exit(1)
	}
}
