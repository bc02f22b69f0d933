"""terminal: what people type and read. Nothing else imports click or rich.

main.py       the group of commands; what a user can fix is one line
commands/     one file a command: parse, call, print
options.py    options that commands share
progress.py   what is shown while a stage works
screens/      what is shown at its end
console.py    stdout, stderr, and how tables look
"""
