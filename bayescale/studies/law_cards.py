"""The catalogue: what a law takes, what its parameters mean, and which models use it.

>>> from bayescale.studies.law_cards import describe_law
>>> card = describe_law("chinchilla")
>>> card.reference
'Hoffmann et al. (2022), arXiv:2203.15556, eq. 2'
>>> card.parameters[0].name, card.parameters[0].low, card.parameters[0].unit
('E', 0.2, 'typical loss')
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bayescale.laws.base import Law
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Parameter
from bayescale.laws.registry import BUILT_IN, DOMAINS, get_law
from bayescale.studies.study import load_study, model_names

if TYPE_CHECKING:
    import pandas as pd


UNITS = {"params": "parameters", "tokens": "tokens", "flops": "FLOP"}
"""Units of the canonical columns; of other relative inputs any unit will do."""


@dataclass(frozen=True)
class InputCard:
    """A card of a law's input: its column, unit, and typical range."""

    name: str
    column: str
    unit: str
    relative: bool
    low: float
    high: float
    about: str


@dataclass(frozen=True)
class ParameterCard:
    """A card of a law's parameter: its unit and the default prior's 90 % interval, in that unit."""

    name: str
    kind: str
    unit: str
    low: float
    high: float
    about: str


@dataclass(frozen=True)
class LawCard:
    """All that there is to say about a law before it is fitted.

    Attributes
    ----------
    name, about, formula, reference : str
        As the law declares them; the formula is LaTeX.
    target, noise : str
        The column that the law predicts, and the default noise.
    steps : tuple of str
        The columns that a chained law predicts on the way, and takes from the table too.
    inputs, parameters : tuple
        What it takes, and what is fitted.
    models : tuple of str
        The model files that come with bayescale and use it.
    """

    name: str
    about: str
    formula: str
    reference: str
    target: str
    noise: str
    steps: tuple[str, ...]
    inputs: tuple[InputCard, ...]
    parameters: tuple[ParameterCard, ...]
    models: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the card in JSON's types."""
        return asdict(self)


def describe_law(law: str | type[Law]) -> LawCard:
    """Describe a law: inputs, parameters with their default intervals, formula, reference, models.

    Parameters
    ----------
    law : str or Law class
        A built-in law by name, or one of your own.

    Returns
    -------
    LawCard

    Raises
    ------
    BayescaleError
        When no built-in law has the name, or an input of the law has no typical range.

    See Also
    --------
    list_laws : All built-in laws.
    cite : What to cite for a law.

    Examples
    --------
    >>> card = bs.describe_law("chinchilla")
    >>> card.reference
    'Hoffmann et al. (2022), arXiv:2203.15556, eq. 2'
    >>> [(p.name, p.low, p.high, p.unit) for p in card.parameters[:2]]
    [('E', 0.2, 0.95, 'typical loss'), ('a', 0.01, 1.0, 'typical loss')]
    """
    found = get_law(law)
    return _card(found, _models_by_law().get(found.name, []))


def describe_laws() -> list[LawCard]:
    """Describe every built-in law by a card, in the order of their files."""
    models = _models_by_law()
    return [_card(law, models.get(law.name, [])) for law in BUILT_IN.values()]


def _card(law: type[Law], models: list[str]) -> LawCard:
    return LawCard(
        name=law.name,
        about=law.about(),
        formula=law.formula(),
        reference=law.reference,
        target=law.target,
        noise=law.noise,
        steps=tuple(step.column for step in law.steps.values()),
        inputs=tuple(_input(name, given) for name, given in law.inputs.items()),
        parameters=tuple(
            _parameter(name, given, law.target) for name, given in law.parameters.items()
        ),
        models=tuple(models),
    )


def _input(name: str, given: Input) -> InputCard:
    low, high = given.range()
    unit = UNITS.get(given.column, "any" if given.relative else "")
    return InputCard(name, given.columns_text(), unit, given.relative, low, high, given.about)


def _parameter(name: str, given: Parameter, target: str) -> ParameterCard:
    unit = f"typical {target if given.of == 'target' else given.of}" if given.of else ""
    return ParameterCard(name, type(given).__name__, unit, given.low, given.high, given.about)


def _models_by_law() -> dict[str, list[str]]:
    """Return the names of the model files that come with bayescale, by their law.

    A mixture law of another number of domains counts as the one that is listed.
    """
    found: dict[str, list[str]] = {}
    for name in model_names():
        law = load_study(name).law
        listed = law if law in BUILT_IN else f"{law.rpartition('_')[0]}_{DOMAINS}"
        found.setdefault(listed, []).append(name)
    return found


def list_laws() -> "pd.DataFrame":
    """List the built-in laws.

    Returns
    -------
    pandas.DataFrame
        Indexed by name: ``about``, ``inputs`` (with unit), ``parameters`` (with the 90 % interval
        of the default prior), ``formula`` (LaTeX), ``reference``, ``target`` and ``models``. More
        of one law: :func:`describe_law`.

    See Also
    --------
    describe_law : More of one law.
    Law : Write one of your own.

    Examples
    --------
    >>> laws = bs.list_laws()
    >>> laws.loc["chinchilla", "inputs"]
    'params (parameters), tokens (tokens)'
    """
    import pandas as pd

    cards = describe_laws()
    rows = [
        {
            "about": card.about,
            "inputs": ", ".join(_named(i) for i in card.inputs),
            "parameters": ", ".join(f"{p.name} {interval_text(p)}" for p in card.parameters),
            "formula": card.formula,
            "reference": card.reference,
            "target": card.target,
            "models": ", ".join(card.models),
        }
        for card in cards
    ]
    return pd.DataFrame(rows, index=pd.Index([card.name for card in cards], name="name"))


def _named(given: InputCard) -> str:
    return f"{given.column} ({given.unit})" if given.unit in UNITS.values() else given.column


def interval_text(parameter: ParameterCard) -> str:
    """Write the default prior's 90 % interval on a card: ``0.2 to 0.95 x typical loss``."""
    unit = f" x {parameter.unit}" if parameter.unit else ""
    return f"{parameter.low:g} to {parameter.high:g}{unit}"
