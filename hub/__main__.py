"""`python -m hub`: see hub/cli.py."""

from hub.cli import main

if __name__ == "__main__":
    main()
