"""The laws of the literature, one file a family; none knows of another.

>>> from bayescale.laws import get_law, law_names
>>> get_law("chinchilla").name
'chinchilla'
"""

from typing import TYPE_CHECKING

from bayescale.errors import BayescaleError
from bayescale.law import Law, closest
from bayescale.laws.chinchilla import Chinchilla, Skaling
from bayescale.laws.kaplan import Kaplan
from bayescale.laws.power import PowerLaw, PowerLawFloor

if TYPE_CHECKING:
    import pandas as pd

BUILT_IN: dict[str, type[Law]] = {
    law.name: law for law in (Chinchilla, Skaling, Kaplan, PowerLaw, PowerLawFloor)
}


def law_names() -> list[str]:
    """Return the names of the built-in laws."""
    return list(BUILT_IN)


def laws() -> "pd.DataFrame":
    """List the built-in laws.

    Returns
    -------
    pandas.DataFrame
        Indexed by name: ``about``, ``inputs``, ``parameters``, ``formula`` (LaTeX), ``reference``.
    """
    import pandas as pd

    rows = {
        law.name: {
            "about": law.about(),
            "inputs": ", ".join(i.column for i in law.inputs.values()),
            "parameters": ", ".join(law.parameters),
            "formula": law.formula(),
            "reference": law.reference,
        }
        for law in BUILT_IN.values()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def get_law(law: str | type[Law]) -> type[Law]:
    """Return the law of that name; a law class is returned as it is.

    Raises
    ------
    BayescaleError
        When no built-in law has the name.
    """
    if isinstance(law, type) and issubclass(law, Law):
        return law
    if isinstance(law, str) and law in BUILT_IN:
        return BUILT_IN[law]
    raise BayescaleError(
        f"no law named {law!r}{closest(str(law), BUILT_IN)}; there are "
        f"{', '.join(BUILT_IN)}. A law of your own is passed as its class."
    )
