#!/usr/bin/python3
"""Writes the planted bugs, each with the first seed that finds it, into docs/simulation.md.

  document_plants.py PERPWIRE_SIM [SEEDS]
"""
import pathlib
import subprocess
import sys

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "simulation.md"


def main():
    seeds = sys.argv[2] if len(sys.argv) > 2 else "2000"
    run = subprocess.run([sys.argv[1], "--plants", "--seeds", seeds], stdout=subprocess.PIPE, text=True, check=False)
    before, rest = DOCS.read_text().split("<!-- plants -->")
    after = rest.split("<!-- /plants -->")[1]
    DOCS.write_text(f"{before}<!-- plants -->\n{run.stdout.strip()}\n<!-- /plants -->{after}")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
