"""Qt item models over snapshots, and the state that they are fed from. QtCore only; no widget."""
