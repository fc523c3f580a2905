"""`python -m asteroid_taxonomy COMMAND ...`."""

from asteroid_taxonomy.cli import main

if __name__ == "__main__":
    main()
