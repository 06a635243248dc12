package launch

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// describe writes a project on one line.
func describe(p *Project) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p.Entries)) {
		text := name + ":"
		for _, param := range p.Entries[name].Parameters {
			text += " " + param.Name + "/" + param.Type
			if param.Default != nil {
				text += fmt.Sprintf("=%q", *param.Default)
			}
		}
		parts = append(parts, text+fmt.Sprintf(" %q", p.Entries[name].Command))
	}
	docker := ""
	if p.Docker {
		docker = " docker"
	}
	return fmt.Sprintf("%q %s%s%s %s", p.Name, p.PythonEnv, p.CondaEnv, docker, strings.Join(parts, "; "))
}

// TestParse reads files of the shapes that public projects have.
func TestParse(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{
			"name: wine\nconda_env: conda.yaml\nentry_points:\n  main:\n    parameters:\n" +
				"      alpha: {type: float, default: 0.50}\n" +
				"      ratio: float\n    command: \"python fit.py {alpha} {ratio}\"\n",
			`"wine" conda.yaml main: alpha/float="0.5" ratio/float "python fit.py {alpha} {ratio}"`,
		},
		{
			"\n\nname: \"Two words\"\nentry_points:\n  Training:\n    command: \"python fit.py\"",
			`"Two words"  Training: "python fit.py"`,
		},
		{ // four spaces, comments between and after, the short form
			"# docker_env:\n#    image: x\nname: p\nentry_points:\n    main:\n        parameters:\n            data: path\n" +
				"        command: \"python fit.py {data}\"\n    check:\n        parameters:\n            data: path # why\n" +
				"        command: \"python check.py {data}\"\n\n#\n# entry_points:\n",
			`"p"  check: data/path "python check.py {data}"; main: data/path "python fit.py {data}"`,
		},
		{ // single quotes, types of Python, python_env
			"name: p\npython_env: env/python_env.yaml\nentry_points:\n  knn:\n    parameters:\n" +
				"      k: {type: int, default: 5}\n" +
				"      shuffle:\n        type: bool\n        default: True\n    command: 'python3 -m work --k {k} {shuffle}'\n",
			`"p" env/python_env.yaml knn: k/int="5" shuffle/bool="True" "python3 -m work --k {k} {shuffle}"`,
		},
		{ // a command over lines, folded, with a description of each parameter
			"name: steps\nconda_env: conda.yml\nentry_points:\n  main:\n    parameters:\n      steps:\n" +
				"        description: Comma-separated steps\n        type: string\n        default: all\n" +
				"      more:\n        description: Options\n        type: str\n        default: ''\n" +
				"    command: >-\n      python main.py steps=\\'{steps}\\'\n      $(echo {more})\n",
			`"steps" conda.yml main: more/str="" steps/string="all" "python main.py steps=\\'{steps}\\' $(echo {more})"`,
		},
		{ // a quoted command that goes on
			"name: m\nentry_points:\n  main:\n    command: \"python main.py --a 1\n                --b 2\"\n",
			`"m"  main: "python main.py --a 1 --b 2"`,
		},
		{ // several commands, in a block
			"name: m\nentry_points:\n  main:\n    command: |\n      python a.py\n      python b.py \\\n        --x 1\n",
			`"m"  main: "python a.py\npython b.py \\\n  --x 1"`,
		},
		{ // several commands, in a chain; a path with a dot is not a number
			"name: c\nentry_points:\n  all:\n    parameters: {dir: {type: str, default: ./runs/0}, " +
				"lr: {type: float , default: 1e-3}}\n" +
				"    command: \"python a.py && python b.py {dir} {lr}\"\n",
			`"c"  all: dir/str="./runs/0" lr/float="1e-3" "python a.py && python b.py {dir} {lr}"`,
		},
		{
			"name: d\ndocker_env:\n  image: team/image\n  volumes: [\"/a:/b\"]\n  environment: [[\"A\", \"1\"], \"B\"]\n" +
				"entry_points:\n  main: {command: python a.py}\n",
			`"d"  docker main: "python a.py"`,
		},
		{"name: e\n", `"e"  `},
		{"entry_points:\n", `""  `},
		{ // a default that is null is none
			"entry_points:\n  main:\n    parameters:\n      x: {type: string, default: null}\n" +
				"      y:\n    command: a {x} {y}\n",
			`""  main: x/string y/ "a {x} {y}"`,
		},
		// what is refused
		{"entry_points: [main]\n", "line 1: entry_points must be a mapping"},
		{"entry_points:\n  main: python a.py\n", `line 2: entry point "main" must be a mapping with a command`},
		{"entry_points:\n  main:\n    parameters: {}\n", `line 2: entry point "main" has no command`},
		{"entry_points:\n  main:\n    command: [a, b]\n", "line 3: command must be a text"},
		{"entry_points:\n  main:\n    command: &x a\n  two: *x\n", "line 3 has a type or an anchor, which is not read"},
		{"name: a\nname: b\n", `line 2 repeats the key "name"`},
		{"python_env: a\nconda_env: b\n", "only one of python_env, conda_env and docker_env may be given"},
		{
			"entry_points:\n  main:\n    command: a\n    parameters:\n      x: {default: [1]}\n",
			`line 5: the default of parameter "x" must be a text, a number or true or false`,
		},
		{"entry_points:\n  main:\n\tcommand: a\n", `line 2: entry point "main" must be a mapping with a command`},
		{"name: !!python/object/apply:os.system [id]\n", "line 1 has a type or an anchor, which is not read"},
		{"entry_points:\n  \"a\\e[2Jb\":\n    command: a\n", `line 2: the entry point "a\x1b[2Jb" contains a ` +
			"control character"},
	} {
		p, err := parse([]byte(test.text))
		got := ""
		if err == nil {
			got = describe(p)
		} else {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.text, got, test.want)
		}
	}
}

// TestCommand makes commands from templates: words where these are enough, otherwise a text for the shell.
func TestCommand(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	values := map[string]string{"a": "1", "b": "x y", "q": "it's", "e": ""}
	for _, test := range []struct{ text, want string }{
		{"python a.py {a} --b {b}", `["python" "a.py" "1" "--b" "x y"]`},
		{"python a.py --b='{b}' \"{q}\" {e} {{}}", `["bash" "-c" "python a.py --b='x y' \"\"'it'\\''s'\"\" '' {}"]`},
		{"python a.py --b='{b}' \"{q} z\" {e}", `["python" "a.py" "--b=x y" "it's z" ""]`},
		{`python a.py x\ y \'{a}\' "a\b\"c"`, `["python" "a.py" "x y" "'1'" "a\\b\"c"]`},
		{"python a.py \\\n  {a}", `["python" "a.py" "1"]`},
		{"python a.py {a} && python b.py {b}", `["bash" "-c" "python a.py 1 && python b.py 'x y'"]`},
		{"python a.py $(echo {b})", `["bash" "-c" "python a.py $(echo 'x y')"]`},
		{`python a.py "$(echo {b}) {b}"`, `["bash" "-c" "python a.py \"$(echo 'x y') \"'x y'\"\""]`},
		{"python a.py ${{HOME}}/{b}", `["bash" "-c" "python a.py ${HOME}/'x y'"]`},
		{"LR={a} python a.py", `["bash" "-c" "LR=1 python a.py"]`},
		{"cd sub; python a.py", `["bash" "-c" "cd sub; python a.py"]`},
		{"python a.py > {b}", `["bash" "-c" "python a.py > 'x y'"]`},
		{"python -c 'print({a})'", `["python" "-c" "print(1)"]`},
		{"python -c {b}", "has {b} in a place where"},
		{"bash -lc 'python {b}'", "has {b} in a place where"},
		{"/bin/sh -c \"python {b}\"", "has {b} in a place where"},
		{"eval python {b}", "has {b} in a place where"},
		{"python a.py `echo {b}`", "has {b} in a place where"},
		{"python a.py # {b}", "has {b} in a place where"},
		{"cat <<END\n{b}\nEND", "has {b} in a place where"},
		{"echo $(( {b} ))", "has {b} in a place where"},
		{"echo ${{x:-{b}}}", "has {b} in a place where"},
		{"echo $'{b}'", "has {b} in a place where"},
		{"echo $[{b}]", "has {b} in a place where"},
		{"[[ {b} -eq 1 ]]", "has {b} in a place where"},
		{"cat <({b})", "has {b} in a place where"},
		{"a \\{b}", "has {b} in a place where"},
		{"a ${b}", "has {b} in a place where"},
		{"a {c}", "names {c}, which is not one of its parameters"},
		{"a {a", "has a { without a }"},
		{"a }", "has a } without a {"},
		{"a '{b}", "has a quote without an end"},
		{"a $(b", "has a $( without an end"},
		{"a \\", "ends with a backslash"},
	} {
		args, err := command(test.text, values, nil)
		got := fmt.Sprintf("%q", args)
		if err != nil {
			got = err.Error()
		}
		if got != test.want && (err == nil || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%q:\ngot  %s\nwant %s", test.text, got, test.want)
		}
	}
}

// hostile are values that do something if a shell reads them.
var hostile = []string{
	"$(touch HACKED)", "`touch HACKED`", "'; touch HACKED; '", "\"; touch HACKED; \"", "\ntouch HACKED\n",
	"x\ntouch HACKED #",
	"a[$(touch HACKED)]", "'$(touch HACKED)'", "\\'; touch HACKED #", "${x:=$(touch HACKED)}", ") ; touch HACKED; (",
	"'\"$(touch HACKED)\"'", "\\", "x\\", "& touch HACKED &", "| touch HACKED", "<(touch HACKED)", "END\ntouch HACKED\n",
	"}; touch HACKED; {", "1; import os; os.system('touch HACKED')", "__import__('os').system('touch HACKED')",
}

// templates put a value into every place of a text for the shell.
var templates = []string{
	"echo {v}", "echo '{v}'", "echo \"{v}\"", "echo \"$(echo {v})\" {v}", "echo $(echo \"{v}\")",
	"echo x | cat && echo {v}",
	"( echo {v} )", "echo \\\\{v}", "echo \"\\\\$(echo {v})\"", "echo \"\\$(echo {v})\"", "echo '\\'{v}",
	"echo \"a\\\"{v}\"",
	"echo $((1)) {v}", "echo `true` {v}", "echo # {v}", "cat <<END\n{v}\nEND", "cat <<'END'\n{v}\nEND",
	"echo ${{HOME}}{v}",
	"echo ${{HOME:-{v}}}", "echo $'{v}'", "echo $\"{v}\"", "echo $[ {v} ]", "echo $$ {v} $", "[[ {v} -eq 0 ]]", "let {v}",
	"sh -c 'echo {v}'", "sh -x -c \"echo {v}\"", "eval echo {v}", "python3 -c 'print(1); {v}'", "echo a; eval \"{v}\"",
	"for i in {v}; do echo $i; done", "case {v} in x) echo {v};; esac", "x={v}; echo $x",
	"x=$(case a in a) echo {v};; esac)",
	"{v}", "echo {v}{v}", "echo \"$(echo \"$(echo '{v}')\")\"", "! echo {v}", "export A={v}", "echo \\\n{v}", "echo a#{v}",
	"diff <(echo {v}) <(echo {v})", "echo $( # {v}\n)", "declare -i x={v}", "echo >/dev/null \"{v}\"", "exec 3<<< {v}",
}

// No value of a parameter is read as code, wherever the template has it.
func TestHostileValues(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	dir := t.TempDir()
	ran, refused := 0, 0
	var script strings.Builder
	for i, template := range templates {
		for j, value := range hostile {
			args, err := command(template, map[string]string{"v": value}, []Given{{"more", value}})
			if err != nil {
				refused++
				continue
			}
			ran++
			if args[0] != bash && args[0] != "bash" {
				continue // no shell reads it
			}
			name := fmt.Sprintf("%d-%d", i, j)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(args[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, "PATH=\"$P:$PATH\" bash %s; [ -e HACKED ] && echo HACKED by %s && rm -f HACKED\n", name, name)
		}
	}
	cmd := exec.Command(bash, "-c", script.String())
	cmd.Dir = dir
	out, _ := cmd.Output() // what the texts themselves print and fail with does not matter
	for line := range strings.Lines(string(out)) {
		var i, j int
		if n, _ := fmt.Sscanf(line, "HACKED by %d-%d", &i, &j); n == 2 {
			t.Errorf("%q with %q was read as code", templates[i], hostile[j])
		}
	}
	if ran < 300 || refused < 200 {
		t.Errorf("%d texts ran and %d were refused", ran, refused)
	}
}

// TestFill checks parameters, and records them.
func TestFill(t *testing.T) {
	dir, from := t.TempDir(), t.TempDir()
	for _, file := range []string{dir + "/own.csv", from + "/mine.csv", dir + "/a.py"} {
		if err := os.WriteFile(filepath.FromSlash(file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, n := "own.csv", "3"
	e := Entry{Name: "main", Command: "fit {data} {n} {lr} {at}", Parameters: []Parameter{
		{"at", typeURI, nil}, {"data", typePath, &own}, {"lr", typeFloat, nil}, {"n", "int", &n},
	}}
	for _, test := range []struct {
		given []string
		want  string
	}{
		{
			[]string{"lr=1e-3", "at=s3://b/k"},
			`["fit" "DIR/own.csv" "3" "1e-3" "s3://b/k"] map[at:s3://b/k data:DIR/own.csv lr:0.001 n:3]`,
		},
		{
			[]string{"lr=2", "at=s3://b/k", "data=mine.csv", "model.depth=7", "name=a b"},
			`["fit" "FROM/mine.csv" "3" "2" "s3://b/k" "--model.depth" "7" "--name" "a b"] ` +
				`map[at:s3://b/k data:FROM/mine.csv lr:2 model.depth:7 n:3 name:a b]`,
		},
		{[]string{"lr=nan", "at=s3://b/k", "data=file://FROM/mine.csv"}, `["fit" "FROM/mine.csv" "3" "nan" "s3://b/k"] ` +
			`map[at:s3://b/k data:FROM/mine.csv lr:NaN n:3]`},
		{nil, `entry point "main" needs a value of "at", "lr"`},
		{[]string{"lr=x", "at=s3://b/k"}, `parameter "lr" must be a number, got "x"`},
		{[]string{"lr=0x1p4", "at=s3://b/k"}, `parameter "lr" must be a number, got "0x1p4"`},
		{[]string{"lr=1", "at=data.csv"}, `parameter "at" must be an address such as https://…, got "data.csv"`},
		{[]string{"lr=1", "at=s3://b/k", "data=no.csv"}, `parameter "data" is a path, and FROM/no.csv does not exist`},
		{
			[]string{"lr=1", "at=s3://b/k", "data=https://h/d.csv"},
			`parameter "data" is a path: an address is not fetched; download the data and give its path`,
		},
		{[]string{"lr=1", "lr=2", "at=s3://b/k"}, `parameter "lr" is given as "1" and as "2"`},
	} {
		var given []Given
		for _, text := range test.given {
			g, err := ParseGiven(strings.ReplaceAll(text, "FROM", filepath.ToSlash(from)))
			if err != nil {
				t.Fatal(err)
			}
			given = append(given, g)
		}
		done, err := e.Fill(Call{Dir: dir, From: from, Given: given})
		got := fmt.Sprintf("%q %v", done.Args, done.Params)
		if err != nil {
			got = err.Error()
		}
		got = strings.NewReplacer(dir, "DIR", from, "FROM").Replace(got)
		if got != test.want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.given, got, test.want)
		}
	}
	for _, text := range []string{"", "=1", "a", "a\x1b=1", "a=\x00", "a=\xff"} {
		if g, err := ParseGiven(text); err == nil {
			t.Errorf("%q is %v", text, g)
		}
	}
	p := &Project{}
	for name, want := range map[string]string{
		"a.py": "", "b.py": "neither an entry point nor a file", "../a.py": "is not a path", "-x.py": "is not a path",
		"main": "neither a file MLproject nor a table", "/etc/a.sh": "is not a path",
	} {
		_, err := p.Entry(dir, name)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestEnvironment reads environments of MLflow and Conda.
func TestEnvironment(t *testing.T) {
	for _, test := range []struct{ file, text, want string }{
		{
			"python_env.yaml",
			"python: \"3.8.15\"\nbuild_dependencies:\n  - pip\n  - wheel==0.37.1\ndependencies:\n  - -r requirements.txt\n" +
				"  - mlflow # newest\n  - torch>=2,<3; python_version >= \"3.8\"\n",
			`3.8.15 ["pip" "wheel==0.37.1"] ["-r" "requirements.txt" "mlflow" "torch>=2,<3; python_version >= \"3.8\""] ` +
				`["requirements.txt"] []`,
		},
		{"python_env.yaml", "dependencies:\n", ` [] [] [] []`},
		{
			"conda.yaml",
			"name: t\nchannels: [conda-forge, defaults]\ndependencies:\n  - python=3.10.*\n  - pip\n  - scikit-learn=1.0\n" +
				"  - conda-forge::numpy >=1.2\n  - pip:\n      - mlflow>=2\n      - --extra-index-url https://h/simple\n",
			`3.10 [] ["mlflow>=2" "--extra-index-url" "https://h/simple"] [] ["scikit-learn=1.0" "conda-forge::numpy >=1.2"]`,
		},
		{"conda.yaml", "dependencies:\n  - python==3.9.7=h12debd9_1\n", `3.9.7 [] [] [] []`},
		{"conda.yaml", "dependencies:\n  - python>=3.9,<3.12\n", `3.9 [] [] [] []`},
		{"conda.yaml", "name: x\n", ` [] [] [] []`},
		{"python_env.yaml", "python: 3.8; rm\n", `python_env.yaml: "3.8; rm" is not a version of Python`},
		{"python_env.yaml", "dependencies:\n  - --target=/x\n", `python_env.yaml: ` +
			`the option "--target" is not allowed in a ` +
			`list of packages`},
		{"python_env.yaml", "dependencies: six\n", `python_env.yaml: ` +
			`line 1: dependencies must be a list of at most 5000 texts`},
		{"conda.yaml", "dependencies:\n  - {pip: [a], b: 1}\n", `conda.yaml: line 2: a dependency must be a text, or pip ` +
			`with ` +
			`a list`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, test.file), []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if e, err := p.Environment(dir); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%s %q %q %q %q", e.Python, e.Build, e.Packages, e.Files, e.Conda)
		}
		if got != test.want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.text, got, test.want)
		}
	}
}

// A file of the project is not read through a link that leads out of it.
func TestFilesOutside(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "MLproject")
	if err := os.WriteFile(out, []byte("name: secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(dir, "MLproject")); err != nil {
		t.Skip(err)
	}
	if p, err := Load(dir, nil); err == nil {
		t.Errorf("it read %v", p)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mlProject"), []byte("python_env: ../x.yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := p.Environment(dir); err == nil {
		t.Errorf("it read %v", e)
	}
}

// The table [project] says the same as a file MLproject, and counts before it.
func TestConfig(t *testing.T) {
	config, err := format.DecodeConfig("config.toml", []byte(`[project]
python_env = "env.yaml"
[project.entry.main]
command = "python fit.py {lr} {data} {n} {on}"
[project.entry.main.parameters]
lr = 0.10
n = 3
on = true
data = {type = "path"}
`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "MLproject"), []byte("name: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	want := `"" env.yaml main: data/path lr/float="0.1" n/int="3" on/bool="True" "python fit.py {lr} {data} {n} {on}"`
	if got := describe(p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("name: t\nentry_points:\n  main:\n    parameters:\n      a: {type: float, default: 0.1}\n"+
		"    command: \"p {a}\"\n", "$(x)")
	f.Add("entry_points: {m: {command: 'a \"$(b {x})\"', parameters: {x: path}}}\n", "a b")
	f.Add("python: '3.8'\ndependencies:\n- python=3.9\n- pip: [-r x]\n- six\n", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		if top, err := parseYAML([]byte(text)); err == nil {
			_ = (&Environment{}).ofConda(top)
			_ = (&Environment{}).ofPython(top)
		}
		p, err := parse([]byte(text))
		if err != nil {
			return
		}
		for _, e := range p.Entries {
			values := map[string]string{}
			for _, param := range e.Parameters {
				values[param.Name] = value
			}
			args, err := command(e.Command, values, []Given{{"more", value}})
			if err == nil && len(args) == 0 {
				t.Errorf("%q gives no command", e.Command)
			}
		}
	})
}
