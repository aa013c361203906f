"""The drop folder: files that others put into a folder or a bucket become imports, each once.

    NORTH/status/people.csv           what somebody put there: <library's code>/<format>/<file>
    NORTH/status/_options.json        how files of this format are to be imported
    NORTH/working/<token>/people.csv  taken; .job-12 beside it says which import it has become
    NORTH/done/, NORTH/failed/        what has ended, with its report

Beside the six names because it is a door of its own. `place` says what a folder and a bucket have in common, `rounds`
is what a worker does with either.
"""

from patrongraph.imports.dropfolder.place import place_of, probe

__all__ = ["place_of", "probe"]
