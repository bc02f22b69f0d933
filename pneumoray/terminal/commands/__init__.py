"""One file a command. Each is a stage: parse, call, print. Heavy imports happen inside."""
