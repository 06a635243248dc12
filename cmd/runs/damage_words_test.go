package main

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/gitruns/runs/repo"
)

// What may not be read is not counted as damage, and a batch is not counted as a run.
func TestDamageCount(t *testing.T) {
	damaged := errors.New("run.toml:1: expected a key")
	denied := &fs.PathError{Op: "open", Path: "run.toml", Err: fs.ErrPermission}
	const run, batch = "20260102-000000-aaaaaaaa", "batch-aaaaaaaa"
	for _, test := range []struct {
		damage []repo.Damage
		want   string
	}{
		{[]repo.Damage{{ID: run, Err: damaged}}, "1 damaged run"},
		{[]repo.Damage{{ID: batch, Err: damaged}}, "1 damaged batch"},
		{
			[]repo.Damage{{ID: run, Err: damaged}, {ID: batch, Err: damaged}, {ID: batch, Err: damaged}},
			"1 damaged run, 2 damaged batches",
		},
		{[]repo.Damage{{ID: run, Err: denied}}, "1 run or batch that you may not read"},
		{
			[]repo.Damage{{ID: run, Err: damaged}, {ID: batch, Err: denied}},
			"1 damaged run, 1 run or batch that you may not read",
		},
	} {
		if got := damageCount(test.damage); got != test.want {
			t.Errorf("%v: %q, want %q", test.damage, got, test.want)
		}
	}
}
