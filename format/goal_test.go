package format

import (
	"encoding/json"
	"os"
	"testing"
)

// TestGoalVectors holds the goals of the vectors to the names.
func TestGoalVectors(t *testing.T) {
	data, err := os.ReadFile(vectors + "/goals.json")
	if err != nil {
		t.Fatal(err)
	}
	var goals map[string]string
	if err := json.Unmarshal(data, &goals); err != nil || len(goals) < 30 {
		t.Fatalf("%d goals, %v", len(goals), err)
	}
	for name, want := range goals {
		if got := GoalByName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestGoalByName(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"loss", "min"},
		{"val/loss", "min"},
		{"train_loss", "min"},
		{"evalLoss", "min"},
		{"trainLoss", "min"},
		{"rmse", "min"},
		{"RMSE", "min"},
		{"eval/wer", "min"},
		{"error_rate", "min"},
		{"perplexity", "min"},
		{"reward_loss", "min"},
		{"acc", "max"},
		{"top1_acc", "max"},
		{"val.accuracy", "max"},
		{"f1-macro", "max"},
		{"roc_auc", "max"},
		{"mAP", "max"},
		{"BLEU", "max"},
		{"rougeL", "max"},
		{"episode_reward", "max"},
		{"mean_return", "max"},
		{"test/R2", "max"},
		{"ndcg@10", "max"},
		{"lr", ""},
		{"grad_norm", ""},
		{"loss_scale", ""},
		{"epoch", ""},
		{"time", ""},
		{"gpu_memory", ""},
		{"accuracy_drop", ""},
		{"", ""},
		{"throughput", ""},
		{"loss_weight", ""},
		{"score_threshold", ""},
		{"cv/rank_test_score", ""},
		{"cv/std_test_score", ""},
		{"cv/mean_fit_time", ""},
		{"cv/mean_test_score", "max"},
		{"f1Score", "max"},
		{"glossary", ""},
		{"accelerate", ""},
	} {
		if got := GoalByName(c.name); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}
