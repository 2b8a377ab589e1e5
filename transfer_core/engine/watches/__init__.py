"""Watched folders in a running agent: complete frames become jobs, many in one transaction, and their sources leave.

desk        the thread: events, scans and verdicts of all folders; group commit; what has arrived
folder      one watched folder: what it wants, what it has queued, what it has to tell
chosen      what a watch or a trigger asks for, and in what order a run of so many takes its frames
selections  the same as text, for the database
arrivals    what follows an arrival: the figures, and the source's deletion if it was asked for
old_frames  forgets rows and jobs that nobody needs
figures     frames per second in and out, and how long frames take
verbs       what may be asked: `service.watches`
"""
