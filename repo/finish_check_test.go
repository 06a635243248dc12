package repo

import (
	"testing"

	"github.com/gitruns/runs/format"
)

func TestFinishCheck(t *testing.T) {
	code := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		end  Finish
		want bool
	}{
		{Finish{Status: format.Finished}, true},
		{Finish{Status: format.Killed, ExitCode: code(0)}, true},
		{Finish{Status: format.Failed, ExitCode: code(-1 << 31)}, true},
		{Finish{Status: format.Failed, ExitCode: code(1<<32 - 1)}, true},
		{Finish{Status: format.Failed, ExitCode: code(-1<<31 - 1)}, false},
		{Finish{Status: format.Failed, ExitCode: code(1 << 32)}, false},
		{Finish{Status: format.Finished, ExitCode: code(3)}, false},
		{Finish{Status: format.Crashed}, false},
		{Finish{Status: format.Running}, false},
		{Finish{}, false},
	} {
		if err := c.end.Check(); (err == nil) != c.want {
			t.Errorf("%+v: %v", c.end, err)
		}
	}
}
