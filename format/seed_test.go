package format

import "testing"

func TestIsSeed(t *testing.T) {
	for _, key := range []string{
		"seed", "SEED", "Seed", "random_seed", "data_seed", "randomSeed", "torch_seed", "np_seed", "np-seed", "split_seed",
		"rng", "RNG", "rng_seed", "rng_state", "rng_key", "prng_key", "random_state", "randomState", "seed_everything",
		"seed_1", "seed2", "PYTHONHASHSEED", "trainer.seed", "trainer.seed_everything", "data.split.random_state",
		"seed.torch", "rng.params", `model."random seed"`, "kfold_random_state", "fold", "a.b", "a.b.c", "x.fold",
	} {
		if !IsSeed(key, []string{"fold", "a.b"}) {
			t.Errorf("%s is not a seed", key)
		}
	}
	for _, key := range []string{
		"", "lr", "n_seeds", "num_seed", "seeds", "seed_scale", "seed_lr", "linseed", "seedling", "reseed", "range", "string",
		"randomize", "state", "random_forest", "random", "strange", "x.a.b", "b", "strng",
	} {
		if IsSeed(key, []string{"fold", "a.b"}) {
			t.Errorf("%s is a seed", key)
		}
	}
	if !HasSeed(Params{"a": map[string]any{"SEED": int64(1)}}, nil) || HasSeed(Params{"a": int64(1)}, nil) {
		t.Error("the seeds of params")
	}
}
