"""Runs a command on a pseudo-terminal of 80 columns, and answers it.

Reads one JSON object: `words`, `folder`, `environment`, and `dialogue`, pairs of a text to wait for and what to type
then. Prints one: the `screen`, in which a terminal's ends of lines are plain ones, and the exit `code`.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

asked = json.load(sys.stdin)
child, terminal = pty.fork()
if child == 0:
    os.chdir(asked["folder"])
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execve(asked["words"][0], asked["words"], asked["environment"])

screen, seen, dialogue = b"", 0, list(asked["dialogue"])
# Only a command that hangs meets this limit; nothing is measured by it.
until = time.monotonic() + 120
while True:
    if time.monotonic() > until:
        os.kill(child, signal.SIGKILL)
        screen += b"\n(killed: it hangs)"
        break
    ready, _, _ = select.select([terminal], [], [], 1)
    if ready:
        try:
            read = os.read(terminal, 65536)
        except OSError:
            break
        if not read:
            break
        screen += read
    if dialogue:
        found = screen.find(dialogue[0][0].encode(), seen)
        if found >= 0:
            awaited, typed = dialogue.pop(0)
            seen = found + len(awaited)
            os.write(terminal, typed.encode())

_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"screen": screen.decode(errors="replace").replace("\r\n", "\n"), "code": code, "unsaid": dialogue}))
