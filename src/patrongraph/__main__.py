"""`python -m patrongraph` is the same as the command `patrongraph`."""

from patrongraph.cli import main

main(prog_name="patrongraph")
