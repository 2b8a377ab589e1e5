"""Keeps a folder the same on several machines, and never loses an edit.

What changed is told in entries with version vectors (`version`, `entry`), who wins is decided without a clock
(`planner`), what has to travel is cut by content (`chunker`, `recipe`) and sent in parcels (`parcel`), and what a
crash leaves behind is always either the old file or the new one (`scanner`, `applier`, `index`). A `node` is one folder
on one machine; it knows no network: parcels go in and out. May import: storage, manifest, the vocabulary.
"""
