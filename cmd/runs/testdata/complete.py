"""Type command lines into a real shell, press Tab after each, and print the words that the line then has.

Usage: complete.py SHELL LINE...
"""

import os
import pty
import re
import select
import sys
import tempfile
import time

START = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], "source <(runs completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -d $ZDOTDIR/dump; source <(runs completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "runs completion fish | source"),
}


def main() -> None:
    command, setup = START[sys.argv[1]]
    home = tempfile.mkdtemp()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PS1="", ZDOTDIR=home, HOME=home, INPUTRC="/dev/null", LC_ALL="C.UTF-8")
        os.execvp(command[0], command)

    seen = b""

    def until(mark: str) -> str:
        nonlocal seen
        deadline = time.time() + 60
        while mark.encode() not in seen:
            if time.time() > deadline:
                sys.exit(f"{sys.argv[1]} did not answer: {seen[-2000:]!r}")
            if select.select([fd], [], [], 1)[0]:
                try:
                    seen += os.read(fd, 65536)
                except OSError:
                    sys.exit(f"{sys.argv[1]} ended: {seen[-2000:]!r}")
                if b"\x1b[c" in seen or b"\x1b[6n" in seen:  # fish asks what the terminal is
                    os.write(fd, b"\x1b[?6c")
                    seen = seen.replace(b"\x1b[c", b"").replace(b"\x1b[6n", b"")
        before, _, seen = seen.partition(mark.encode())
        return before.decode(errors="replace")

    def send(text: str) -> None:
        os.write(fd, text.encode())

    def settle(most: float) -> None:
        """Wait until the shell has written something and then nothing for a while: it does not say when it is done."""
        nonlocal seen
        if select.select([fd], [], [], most)[0]:
            while select.select([fd], [], [], 0.5)[0]:
                seen += os.read(fd, 65536)

    send(setup + "; echo rea''dy\r")
    until("ready")
    for line in sys.argv[2:]:
        send(line)
        settle(0.3)
        send("\t")
        settle(20)
        send("\x01printf '<%s>' \x05; echo do''ne\r")
        text = until("done")
        print("".join(re.findall(r"<[^<>]*>", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.replace("<%s>", "")))))
    send("exit\r")
    os.close(fd)


main()
