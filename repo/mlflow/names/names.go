// Package names names the runs that a program of MLflow's leaves without a name. It imports nothing of this module.
package names

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	qualities = `agile amber ample azure balmy bold breezy bright brisk calm candid clear clever cosmic
		crisp daring deft eager early earnest fair fleet fond frank fresh gentle glad golden grand hardy
		honest jolly keen kind lively lucid lucky mellow merry mild modest neat nimble noble patient
		placid plucky polite proud quick quiet rapid robust rosy royal serene sharp silver snug solid
		spry steady sunny swift tidy vivid warm witty`
	things = `acorn alder aspen badger birch bison brook canyon cedar clover comet condor coral crane creek
		daisy delta dingo dune eagle ember falcon fern finch fjord fox glacier grove harbor hawk hazel
		heron ibis iris island jaguar juniper kestrel lagoon lark linden llama lotus lynx maple marmot
		meadow moose oak orca osprey otter owl panda pebble pine plover puffin quail raven reef robin
		sparrow spruce stork tundra walnut willow wren`
)

// Of returns the name of the run with an id, such as "calm-otter-307". It is always the same for one id.
func Of(id string) string {
	sum := sha256.Sum256([]byte(id))
	at := func(i, n int) int { return (int(sum[i])<<8 | int(sum[i+1])) % n }
	word := func(i int, words string) string { // no table of them: every command would make it at its start
		list := strings.Fields(words)
		return list[at(i, len(list))]
	}
	return fmt.Sprintf("%s-%s-%d", word(0, qualities), word(2, things), at(4, 1000))
}
