"""terminal: what people type and read. Nothing else imports click or rich.

main.py       the group of commands; what a user can fix is one line
commands/     one file a command: parse, call, print
options.py    options that commands share
progress.py   what is shown while a stage works
screens/      what is shown at its end
table.py      tables within the screen's width
hints.py      what to type next, and where things lie
encoding.py   what a terminal can't show, in ASCII
console.py    stdout, stderr, and how numbers look
"""
