"""`davylamp demo --act knight`: the eighth server, and who finds it.

Seven copies are replaced by a release; an eighth, started by hand long ago, goes on with the old
build behind a flag whose name was retired and given away again. The release is not called done,
no user meets the eighth, and the scheduled audit names it.
"""
