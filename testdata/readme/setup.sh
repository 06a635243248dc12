# What the blocks of README.md need, so that a test can run them. Run it in an empty folder: it becomes a project with
# a training program, a remote and a few runs. The output ends with that of the demo and of a comparison in it.
set -e
git init -q --bare ../origin.git
git init -q .
git remote add origin ../origin.git
printf 'print("trained")\n' >train.py
runs init
runs goal rmse min --primary
printf '\n[[check]]\nmetric = "loss"\n' >>.runs/config.toml
git add .
git commit -q -m start
git push -q -u origin main
git remote set-head origin main
for seed in 1 2 3; do
	runs exec --group small -p seed=$seed -- runs log rmse=0.7$seed
	runs exec --group large -p seed=$seed -p wide=true -- runs log rmse=0.5$seed
done
runs log -e penguins loss=1

TMPDIR=$(cd .. && pwd) runs demo
cd ../runs-demo-*/penguins
echo '$ runs diff slow sex --metrics val/loss --only metrics,params'
runs diff slow sex --metrics val/loss --only metrics,params
