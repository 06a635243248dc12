package format

import "strings"

// The goals of a metric say which direction is better.
const (
	GoalMin = "min"
	GoalMax = "max"
)

// GoalByName guesses the goal of a metric from the words in its name. It returns "" if the name suggests no goal.
// SPEC.md lists the words. A word that changes the meaning (scale, weight, time, ...) makes the goal unknown, because
// no goal is better than a wrong one.
func GoalByName(metric string) string {
	goal := ""
	for word := range nameWords(metric) {
		switch g := goalOfWord(word); {
		case g == "?":
			return ""
		case g != "":
			goal = g // the last word decides: reward_loss is a loss
		}
	}
	return goal
}

// goalOfWord returns the goal that a word stands for, "?" if it makes the goal unknown, or "".
func goalOfWord(word string) string {
	switch word {
	case "loss", "losses", "err", "error", "errors", "mse", "rmse", "mae", "mape", "smape", "rmsle", "msle", "nll", "nlpd",
		"perplexity", "ppl", "bpb", "bpc", "logloss", "crossentropy", "xent", "brier", "ece", "wer", "cer", "ter", "fid",
		"kid",
		"lpips", "regret", "divergence", "eer", "hamming", "deviance", "pinball", "cost":
		return GoalMin
	case "acc", "accuracy", "auc", "auroc", "auprc", "f1", "fbeta", "precision", "recall", "sensitivity", "specificity",
		"bleu", "chrf", "rouge", "rouge1", "rouge2", "rougel", "meteor", "map", "map50", "ap", "ap50", "ap75", "iou", "miou",
		"dice", "psnr", "ssim", "r2", "reward", "rewards", "return", "returns", "score", "scores", "ndcg", "mrr", "hits",
		"mcc",
		"kappa", "pass", "elo", "winrate", "pearson", "spearman", "kendall", "likelihood", "elbo", "success", "correct":
		return GoalMax
	case "scale", "weight", "coef", "coefficient", "time", "seconds", "ms", "steps", "step", "epoch", "lr", "norm", "grad",
		"std", "var", "variance", "count", "num", "size", "delta", "drop", "change", "diff", "gap", "ratio", "threshold",
		"memory", "target", "bytes", "samples", "beta", "entropy", "rank", "ranks", "ranking":
		return "?"
	}
	return ""
}

// nameWords yields the words of a metric's name in lower case. A word ends at anything but a letter or a digit. A part
// between those is one word if the word has a goal, like mIoU. Otherwise it is also split before a capital that follows
// a small letter or a digit. The m of mAPSmall is not a separate word.
func nameWords(name string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r < 0x80 && !isWordByte(byte(r)) }) {
			if whole := strings.ToLower(part); goalOfWord(whole) != "" {
				if !yield(whole) {
					return
				}
				continue
			}
			start := 0
			for i := 1; i <= len(part); i++ {
				if i < len(part) && (!isUpper(part[i]) || isUpper(part[i-1]) || part[start:i] == "m") {
					continue
				}
				if !yield(strings.ToLower(part[start:i])) {
					return
				}
				start = i
			}
		}
	}
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || isUpper(c) || c >= '0' && c <= '9' || c >= 0x80
}
