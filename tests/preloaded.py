"""What the process imports from which the tests' processes are forked: every command, and what they import late."""

import gc
import importlib

from patrongraph.cli import COMMANDS

for command in COMMANDS.values():
    importlib.import_module(command.partition(":")[0])
for late in ("uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto"):
    importlib.import_module(late)
gc.freeze()
