"""Runs a program in a pseudo terminal and plays a person: waits for a text, types or presses Ctrl-C, and so on.

usage: terminal.py STEP... -- PROGRAM ARGUMENT...
A step is wait:TEXT, type:TEXT (with a line end), touch:PATH (makes a file) or interrupt. Prints what the terminal showed, and ends with the program's exit code.
"""

import os
import pty
import select
import sys
import time

LIMIT = 60


def main():
    end = sys.argv.index("--")
    steps, program = sys.argv[1:end], sys.argv[end + 1:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(program[0], program)

    shown = b""
    deadline = time.monotonic() + LIMIT

    def read():
        nonlocal shown
        if time.monotonic() > deadline:
            sys.exit("not over in time; the terminal showed:\n" + shown.decode(errors="replace"))
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if not ready:
            return True
        try:
            part = os.read(terminal, 65536)
        except OSError:
            return False
        shown += part
        return len(part) > 0

    seen = 0
    for step in steps:
        what, _, text = step.partition(":")
        if what == "wait":
            while (at := shown.find(text.encode(), seen)) < 0:
                if not read():
                    sys.exit(f"ended before it showed {text!r}:\n" + shown.decode(errors="replace"))
            seen = at + len(text.encode())
        elif what == "type":
            os.write(terminal, text.encode() + b"\n")
        elif what == "touch":
            open(text, "w").close()
        elif what == "interrupt":
            os.write(terminal, b"\x03")
        else:
            sys.exit(f"unknown step {step}")

    while read():
        pass
    sys.stdout.write(shown.decode(errors="replace"))
    sys.stdout.flush()
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
