"""`python -m pneumoray` and the `pneumoray` command."""

from pneumoray.cli import main

if __name__ == "__main__":
    main()
