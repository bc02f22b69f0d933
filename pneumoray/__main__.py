"""`python -m pneumoray` and the `pneumoray` command."""

from pneumoray.terminal.main import main

if __name__ == "__main__":
    main()
