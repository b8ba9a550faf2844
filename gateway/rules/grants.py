"""Which kinds of jobs a user may submit to an engine: the owner's word, or the kind's own."""

from collections.abc import Iterable, Mapping

from contract.kinds import KINDS
from contract.words import Role

_RANK = {Role.VIEWER: 0, Role.RUNNER: 1, Role.ADMIN: 2}
Grants = Mapping[str, Role | None]
"""What the owner said of an engine's kinds; None: nobody."""


def least_role(kind: str, grants: Grants) -> Role | None:
    """The least role that may submit a kind; None: nobody. Kinds of third parties are off until the owner allows them."""
    if kind in grants:
        return grants[kind]
    known = KINDS.get(kind)
    return None if known is None else known.role


def may(role: Role | None, kind: str, grants: Grants) -> bool:
    """Whether somebody with this role on an engine may submit a kind there."""
    least = least_role(kind, grants)
    return role is not None and least is not None and _RANK[role] >= _RANK[least]


def allowed(role: Role | None, grants: Grants) -> list[str]:
    """Every kind that somebody with this role may submit, by name, whether it is served or not."""
    return sorted(kind for kind in {*KINDS, *grants} if may(role, kind, grants))


def worded(grants: Grants, served: Iterable[str]) -> dict[str, Role | None]:
    """What holds for each kind that is served, or that the owner spoke of."""
    return {kind: least_role(kind, grants) for kind in sorted({*served, *grants})}
