#!/usr/bin/env bash
# Records the repository of a release: record.sh RUNS VERSION makes VERSION/repository.bundle with the program RUNS. A
# release is recorded once, by its own program, and never again: later versions are tested against what it wrote.
set -euo pipefail
out=$(cd "$(dirname "$0")" && pwd)/$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/bin" "$work/home" "$work/project"
cp "$1" "$work/bin/runs"
# Only these programs are found, so that the records do not list what this machine has installed.
for tool in git sh cat cp mkdir rm; do ln -s "$(command -v $tool)" "$work/bin/$tool"; done
cd "$work/project"
env -i HOME="$work/home" PATH="$work/bin" GIT_CONFIG_NOSYSTEM=1 TZ=UTC LANG=C.UTF-8 sh -eu > "$work/log" 2>&1 <<'STEPS' ||
git config --global user.name Ada
git config --global user.email ada@example.org
git config --global init.defaultBranch main
git init -q .
mkdir data
printf 'x,y\n1,2\n3,4\n' > data/train.csv
echo a > data/a.txt
echo 'cat data/train.csv; echo step 1; runs log --step 1 loss=0.5; exit ${1:-0}' > train.sh
runs init
cat >> .runs/config.toml <<END
primary = "loss"
experiment = "penguins"

[metric.score]
goal = "max"

[dataset.all]
path = "data"

[[check]]
metric = "loss"
baseline = "name=base"
max_regression = "50%"
min_runs = 1

[commit]
include = ["output.log"]
END
git add . && git commit -qm 'Set up runs'

# One call, with params of every type; a group of seeds.
runs log loss=1 score=0.5 nan=nan up=inf --name base -p lr=0.1 -p n=3 -p flag=true -p model.kind=mlp -p 'model.layers=[64,64]' \
	-p drop=None -p '"dotted.key"=x' -t kind=first --note 'the first run'
for seed in 1 2 3; do runs log loss=0.$seed --group seeds --name seed$seed -p lr=0.1 -p seed=$seed; done

# Journals with points, values, a summary, definitions, conflicts, unknown keys and rejected lines.
id=$(runs start --name rich --experiment birds)
cat > .runs/active/$id/journal-host-1-abcd.jsonl <<END
{"t":1764000000.123456,"step":0,"m":{"loss":3,"val/acc":0.1},"p":{"lr":0.1,"opt":{"name":"adam"}},"tags":{"k":"v"},"note":"a"}
{"t":1764000001,"step":1,"m":{"loss":2,"val/acc":"NaN"},"values":{"text":"one","hist":{"_type":"histogram","bins":[0,1,2],"values":[3,4]}}}
{"t":1764000002,"step":2,"m":{"loss":1},"values":{"text":"two","list":[1,null,{"a":"b"}]},"summary":{"test/acc":0.9,"how":"well"}}
{"t":1764000003,"p":{"lr":0.2},"set":{"opt":{"name":"sgd"}},"metric":{"name":"val/*","step_metric":"epoch","goal":"max"},"mood":{"x":1}}
not a line
{"t":1764000004,"m":{"loss":"high"}}
{"t":1764000005,"event":"end"}
END
runs finish $id

# A chain that went back, a child, a failed and a killed run, artifacts, a run with console output.
id=$(runs start --name night --resume night)
for step in 0 1 2 3; do runs log --run $id --step $step loss=$step; done
runs finish $id --status killed
id=$(runs start --name night --resume night)
for step in 2 3 4; do runs log --run $id --step $step loss=0.$step; done
runs finish $id
id=$(runs start --name parent)
runs log --run $id loss=4
runs log loss=5 --name child --parent $id
runs finish $id
mkdir out
echo weights > out/model.bin
echo text > out/notes.txt
runs log loss=2 --name files -a out/model.bin -a out/notes.txt=kept/notes.txt
n=0; while [ $n -lt 105 ]; do n=$((n + 1)); echo $n > out/$n; done
runs log loss=2 --name many -a out
rm -r out
runs exec --name program --no-system -p lr=0.3 -- sh train.sh
runs exec --name failing --no-system -- sh train.sh 3 || true
echo '# changed' >> train.sh
runs exec --name dirty --no-system -- sh train.sh
git commit -qam 'Change the training'
runs commit --include-failed

# Annotations, a redaction and a removal of committed runs.
runs tag base good better=yes
runs note base 'said later'
runs log loss=1 --name secret --note 'the word is hush-hush' -p word=hush-hush
runs log loss=1 --name gone
runs commit
runs redact secret hush-hush
runs rm gone
runs commit

# Runs of a branch of code, and runs on a branch of their own.
git checkout -qb work
runs log loss=0.05 --name better -p lr=0.5
runs commit
git checkout -q main
cp .runs/config.toml config.old
while IFS= read -r line; do
	[ "$line" = '[commit]' ] && line=$(printf '[commit]\nbranch = "experiments"')
	printf '%s\n' "$line"
done < config.old > .runs/config.toml
rm config.old
git commit -qam 'Keep runs on a branch of their own'
runs log loss=0.07 --name apart
runs commit
git bundle create ../repository.bundle --branches
STEPS
{ cat "$work/log" >&2; exit 1; }
cat "$work/log"
cp "$work/repository.bundle" "$out/repository.bundle"
