"""`python -m consentry`: the same as the command `consentry`."""

from consentry.cli.app import main

if __name__ == "__main__":
    main()
