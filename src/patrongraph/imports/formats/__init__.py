"""How files of patrons are read: a folder beside the six names, because bytes of unknown quality end here.

text        any encoding becomes UTF-8
rows        CSV becomes rows; the one tokenizer, for snapshots too
header      the first line: delimiter, and what each column means
names       what people call the columns
csv_source  STATUS, PATRONS, KOHA and EVERGREEN
koha, evergreen  the columns of these systems
folio       FOLIO's JSON
spelling    dates and flags of other systems, as we write them
"""
