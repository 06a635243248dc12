import time,os,sys
for i in range(3000):
    with open(f"big/{i//1000}/{i}.txt") as f: f.read()
    if i%100==0: time.sleep(0.1)
open("done.txt","w").write("ok %d" % os.getpid())
