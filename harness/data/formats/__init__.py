"""Files to records: what a format is, and nothing of what the records mean.

A format is a function from the bytes of a file to records, registered under the end of the file's
name in `FORMATS`; a compression is one from a compressed file to a readable one, in
`COMPRESSIONS`.
"""

from harness.data.formats.location import FORMATS, read
from harness.data.formats.record import Format, Record
from harness.data.formats.stream import COMPRESSIONS, Stream

__all__ = ["COMPRESSIONS", "FORMATS", "Format", "Record", "Stream", "read"]
