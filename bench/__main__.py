"""``python -m bench`` is ``bench``."""

from bench.cli.main import run

if __name__ == "__main__":
    run()
