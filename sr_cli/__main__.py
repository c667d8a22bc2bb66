"""`python -m sr_cli` is `srup`."""

from sr_cli.cli import main

if __name__ == "__main__":
    main()
