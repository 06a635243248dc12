// Package capture records what a run came from: its source, its data, its environment and its machine.
package capture
