"""`python -m fakeserver` is the console script."""

from fakeserver.cli import run

if __name__ == "__main__":
    run()
