"""A simulated link as people see it: both directions under one name and one switch."""

from __future__ import annotations

import numpy as np

from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import SimulatedLink
from transfer_core.sim.script import Step, StepKind


class DuplexLink:
    """`up` and `down` have the same conditions, and trouble of their own."""

    def __init__(
        self, name: str, conditions: LinkConditions | None, rng: np.random.Generator, *, reorder: bool = False
    ) -> None:
        self.name = name
        up_rng, down_rng = rng.spawn(2)
        self.up = SimulatedLink(conditions, up_rng, reorder=reorder)
        self.down = SimulatedLink(conditions, down_rng, reorder=reorder)

    @property
    def conditions(self) -> LinkConditions | None:
        """As they are now; None is transparent."""
        return self.up.conditions

    @property
    def killed(self) -> bool:
        """Whether it drops everything."""
        return self.up.killed

    def change(self, conditions: LinkConditions | None) -> None:
        """Use other conditions both ways."""
        self.up.change(conditions)
        self.down.change(conditions)

    def kill(self) -> None:
        """Drop everything both ways. Nobody is told."""
        self.up.kill()
        self.down.kill()

    def restore(self) -> None:
        """Undo `kill`."""
        self.up.restore()
        self.down.restore()

    def apply(self, step: Step) -> None:
        """Do what a script's step says. A change starts from the conditions as they are."""
        match step.kind:
            case StepKind.KILL:
                self.kill()
            case StepKind.RESTORE:
                self.restore()
            case StepKind.CHANGE:
                self.change((self.conditions or LinkConditions()).changed(step.values))
