package stored

import (
	"context"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/sqlite"
)

// leftOut counts what a store has and no run takes.
type leftOut struct{ list []importer.LeftOut }

func (l *leftOut) add(what string, n int) {
	if n == 0 {
		return
	}
	i := slices.IndexFunc(l.list, func(o importer.LeftOut) bool { return o.What == what })
	if i < 0 {
		l.list = append(l.list, importer.LeftOut{What: what})
		i = len(l.list) - 1
	}
	l.list[i].Count += int64(n)
}

// readTables are those whose rows become runs.
var readTables = []string{
	"experiments", "runs", "tags", "params", "metrics", "latest_metrics", "datasets", "inputs", "input_tags",
	"logged_models", "logged_model_metrics", "experiment_tags", "registered_models", "registered_model_tags",
	"registered_model_aliases", "model_versions", "model_version_tags",
}

// countedTables are other tables with something that a user made, and what a row is.
var countedTables = map[string]string{
	"trace_info":          "trace",
	"logged_model_params": "model param", "webhooks": "webhook", "scorers": "scorer",
	"evaluation_datasets": "evaluation dataset", "assessments": "assessment", "endpoints": "gateway endpoint",
	"issues": "issue", "guardrails": "guardrail", "label_schemas": "label schema", "review_queues": "review queue",
	"mcp_servers": "MCP server", "budget_policies": "budget",
}

// passedTables belong to rows of the tables above, or are MLflow's own.
var passedTables = []string{
	"alembic_version", "workspaces", "jobs", "secrets", "entity_associations", "model_definitions", "endpoint_tags",
	"endpoint_bindings", "endpoint_model_mappings", "trace_tags", "trace_request_metadata", "trace_metrics", "spans",
	"span_metrics", "logged_model_tags", "webhook_events",
	"scorer_versions", "evaluation_dataset_tags", "evaluation_dataset_records", "online_scoring_configs",
	"guardrail_configs", "review_queue_users", "review_queue_items", "review_queue_label_schemas",
	"sql_trace_metric_daily_rollups", "sql_span_cost_daily_rollups", "sql_assessment_daily_rollups",
	"sql_trace_rollup_rebuild_queue", "scheduler_leases", "job_locks",
}

const tagPrompt = "mlflow.prompt.is_prompt"

// countRest counts the rows that no run takes. A table of a newer MLflow is named as it is.
func (d *database) countRest(ctx context.Context, left *leftOut) error {
	err := d.rows(ctx, "experiments", []string{"lifecycle_stage"}, func(r []sqlite.Value) error {
		if string(r[0].Bytes) == stageDeleted {
			left.add("deleted experiment", 1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = d.rows(ctx, "logged_model_tags", []string{"tag_key"}, func(r []sqlite.Value) error {
		if !ownTag(string(r[0].Bytes)) {
			left.add("model tag", 1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range d.db.Tables() {
		name := strings.ToLower(t.Name)
		if slices.Contains(readTables, name) || slices.Contains(passedTables, name) {
			continue
		}
		n, err := d.count(ctx, t.Name)
		if err != nil {
			return err
		}
		what := countedTables[name]
		if what == "" {
			what = "unknown " + importer.Key(importer.Clean([]byte(t.Name))) + " row"
		}
		left.add(what, n)
	}
	return nil
}

// ownTag reports whether MLflow itself writes a tag of a model: what it says is known of the model's run.
func ownTag(key string) bool { return strings.HasPrefix(key, "mlflow.") }

func (d *database) count(ctx context.Context, table string) (n int, err error) {
	err = d.rows(ctx, table, nil, func([]sqlite.Value) error { n++; return nil })
	return n, err
}
