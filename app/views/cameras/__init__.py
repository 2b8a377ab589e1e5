"""The Cameras page: one card for each watched folder, and what may be asked of it."""
