package browser_test

// What the expressions of the vectors are made of: see browser.Odd for the runs.
var (
	oddKeys = []string{
		"loss", "metrics.loss", "metrics.loss.last", "loss.min", "loss.max", "metrics.loss.min_step", "loss.max_step",
		"loss.count", "loss.best", "metrics.val/acc", "val/acc.last", "metrics.own", "own.max", "metrics.odd.min",
		"odd.min",
		`metrics."odd".min`, `metrics."odd.min"`, "metrics.odd", "once.min", "once.max", "once.count", "once.min_step",
		"`some metric`", "metrics.`some metric`", "metrics.'some metric'.last", "sum", "summary.sum", "metrics.sum",
		"sum.max", "summary.loss", "params.lr", "lr", "seed", "params.mixed", "mixed", "params.big", "big",
		"params.text",
		"text", "`odd key`", "params.`odd key`", "params.'odd key'", "params.a.b", `params."a.b"`, "`a.b`", "flag",
		"params.layers", "layers", "params.model", "params.model.kind", "model.kind", "model.width", "model.opt",
		"model.opt.x",
		"rare", "params.loss", "tags.gpu", "gpu", "tags.`odd tag`", "tags.acc", "acc", "status", "attributes.status",
		"name",
		"experiment", "attributes.experiment", "started", "ended", "attributes.ended", "duration", "id", "author",
		"note",
		"group", "exit_code", "signal", "host", "machine.host", "machine.cores", "machine.gpus", "commit",
		"source.branch",
		"branch", "dirty", "python", "environment.python", "environment.variables.MY_X", "datasets.train", "command",
		"reproduces", "nothing", "metrics.nothing", "params.nothing", "attributes.nothing", "metrics.nothing.min",
	}
	oddValues = []string{
		"1", "0", "0.5", "3", "'3'", "3.0", "-1", "1e3", "nan", "NaN", "inf", "-inf", "0.1", "1.0", "64", "100",
		"0x40", "1_000",
		"true", "TRUE", "false", "null", "None", "'null'", "''", "alpha", "Beta", "'b b'", "x", "'it`s'", `"it's"`,
		"émile",
		"'日本🎉'", "a100", "finished", "failed", "'[64, 64]'", "'[32]'", "'[]'", "'[1, 2]'", "'{x = true}'",
		"'{ x = 1 }'",
		`'{kind = "mlp", width = 0, opt = {x = true}}'`, "9223372036854775807", "9223372036854775806",
		"9007199254740992",
		"9007199254740993", "9007199254740992.0", "1e300", "9223372036854775808", "today", "yesterday", "'3d ago'",
		"2026-08-02", "2026-08-02T11:14", "'2026-08-02 11:14:00'", "2026-08-02T11:14:00Z",
		"2026-08-02T11:14:00.000004Z",
		"2h", "'30 min'", "90s", "1h30m", "'2 weeks'", "metrics.loss", "params.lr", "`loss`", "`odd key`",
		"summary.sum",
		"metrics.own.last", "attributes.started", "params.big", "run", "'run 3'", "main", "gpu-1", "..", "-", "+5",
		"-0", ".5", "5.",
	}
	oddPatterns = []string{
		"a", "^a", "'^run [0-9]+$'", "'(?i)BETA'", "'[[:upper:]]'", `'\d+'`, "'e+'", "^$", ".", "'^.{1,3}$'", `'\pL'`,
		"'日.'", "'a|b'", "'(a'", "'a)'", "'[a'", "'*a'", "'a**'", "'a{2,1}'", `'\q'`, `'(?=a)'`, `'a\'`, `'(?P<n>a)'`,
		"'[z-a]'", "'a{1001}'", "'(?s).'", "'[^a-z]'", `'\bhand\b'`, "'(?m)^by'", `'\Qa.b\E'`, "'x{,2}'",
		"'[[:foo:]]'", "''",
		"'[a-z]+\\.py$'", "'true|1'", "'(?i)[a-c]'", `'\x{65e5}'`, "'a+?'", "'(?U)a+'", "'(?z)a'", "'[]a]'",
		"'[a-]'", "nan",
	}
	oddExpressions = []string{
		"", " ", "(", ")", "()", "not", "and", "loss <", "loss < (", "loss in", "loss in (", "loss in ()",
		"loss in (1", "loss = 1 loss",
		"'unclosed", "`unclosed", "a.'b", "a & b", "loss ! 1", "loss < acc", "loss > val/acc",
		"started > yesterday and started < x",
		"started = 3", "duration > 1h and duration < x", "duration > 'two hours'", "`a`.`b`", "\"a.b\" = 'dotted'",
		"loss ~ `x`",
		"loss = params.", "loss = ``", "params. = 1", "'日' and loss ! 2", "params.'a\x01b'", "not not not loss",
		"loss in (nan, 'nan')",
	}
	oddGroupKeys = []string{
		"params.lr", "lr", "params.mixed", "params.big", "params.text", "params.layers", "params.model",
		"model.kind", "flag",
		"experiment", "tags.gpu", "status", "author", "dirty", "summary.sum", "params.seed", "nothing", "group",
		"exit_code",
	}
)
