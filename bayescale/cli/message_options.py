"""The package's messages in the words of the command line: options in place of arguments."""

import re
import shlex

_MAPPING = re.compile(
    r"(?:(?P<fit>fit\()|(?P<read>read_runs\())?"
    r"columns=\{(['\"])(?P<name>.+?)\3: (?:None|(['\"])(?P<value>.*?)\5)\}"
    r"(?(fit)\))(?(read)\))"
)
"""Of a table the columns, of :func:`bayescale.fit` the inputs of the law."""

_ARGUMENT = re.compile(
    r"(?<![\w-])(?P<name>decimal|discrepancy|group|law|loss_unit|noise|params_convention|where)="
    r"(?:(['\"])(?P<value>.*?)\2|(?=[^\w'\"=]|$))"
)

_PRIOR = re.compile(
    r"priors=\{(['\"])(?P<name>\w+)\1: "
    r"(?:(?P<value>[\d.]+)|\((?P<low>[\d.]+), (?P<high>[\d.]+)\))\}"
)

_LITERATURE = re.compile(r"priors=(['\"])literature\1")

_MEMBER = re.compile(
    r"(?P<said>ask one of (?:its fits|them)), "
    r"(?:[^;]*?\.fits\[|bayescale\.group_fit\(fit, )(?:(['\"])(?P<name>.+?)\2|NAME)"
    r"(?:\]\.\w+|\]?\)?)"
)

_GROUP = re.compile(r"predict\(fit, \{(['\"])(?P<name>.+?)\1: (['\"])(?P<value>.+?)\3, \.\.\.\}\)")


_WORDS = (
    (r"read_runs\(\.\.\., (\w+=(?:(['\"])[^'\"]*\2|\.\.\.))\)", r"\1"),
    (r"\bwhere=\.\.\.", "--where ..."),
    (r"\bcolumns=(?= )", "--column"),
    (r"\bcolumns=\[(['\"])(\w+)\1\]", r"--swept \2"),
    (r"\bgrid=True\b", "--grid"),
    (r"\bpass (params|tokens|flops)=\.\.\.", r"pass --\1 ..."),
    (r"\bpass (\w+)=\.\.\.", r"pass --at \1=..."),
    (
        r"bayescale\.group_fit\(fit, None\) is a new one",
        "`bayescale member FIT --new -o FILE.nc` saves a new one",
    ),
    (r"Runs\.average, or a group", "Python's Runs.average averages them, or a --group"),
    (r"\bbayescale\.outliers\b", "`bayescale fit --json`"),
    (r"\bbayescale\.list_laws\(\)", "`bayescale laws`"),
    (r" A law of your own is passed as its class\.", ""),
)
"""Python's words, and what stands for them where there is no argument but an option or command."""

_SCENARIO = re.compile(r"\bat = \{ ([^}]+) \} in a scenario")


def as_options(text: str) -> str:
    r"""Write the arguments that a message speaks of as options.

    Examples
    --------
    >>> as_options("say columns={'tokens': 'unique_tokens * epochs'}, or group='family'")
    "say --column 'tokens=unique_tokens * epochs', or --group family"
    >>> as_options("leave it out with where=\"run != 'a 1'\"")
    'leave it out with --where \'run != "a 1"\''
    >>> as_options("with columns={'epochs': None} every row has epochs = 1; loss_unit= says")
    'with --column epochs= every row has epochs = 1; --loss-unit says'
    >>> as_options("fit(columns={'x': 'tokens'}) reads it from another column")
    '--input x=tokens reads it from another column'
    >>> as_options("divided by 100, read_runs(columns={'accuracy': 'score / 100'})")
    "divided by 100, --column 'accuracy=score / 100'"
    >>> as_options("fix a parameter (priors={'E': 1.7})")
    'fix a parameter (--prior E=1.7)'
    >>> as_options("ask one of its fits, plot_ridge(average.fits['skaling'])")
    'ask one of its fits, which `bayescale member FIT skaling -o FILE.nc` saves'
    >>> as_options("say which, predict(fit, {'family': 'OPT', ...})")
    'say which, --at family=OPT'
    >>> as_options("needs lr: pass lr=...; or say at = { lr = ..., x = ... } in a scenario")
    'needs lr: pass --at lr=...; or say --at lr=... --at x=...'
    """
    for python, option in _WORDS:
        text = re.sub(python, option, text)
    text = _GROUP.sub(_group, _SCENARIO.sub(_at, text))
    text = _LITERATURE.sub("--prior literature", _PRIOR.sub(_prior, text))
    text = _MEMBER.sub(_member, text)
    return _ARGUMENT.sub(_argument, _MAPPING.sub(_mapping, text))


def _at(found: re.Match[str]) -> str:
    return " ".join(f"--at {value.replace(' ', '')}" for value in found[1].split(", "))


def _prior(found: re.Match[str]) -> str:
    value = found["value"] or f"{found['low']}:{found['high']}"
    return f"--prior {found['name']}={value}"


def _member(found: re.Match[str]) -> str:
    name = shlex.quote(found["name"]) if found["name"] else "NAME"
    return f"{found['said']}, which `bayescale member FIT {name} -o FILE.nc` saves"


def _group(found: re.Match[str]) -> str:
    return f"--at {shlex.quote(f'{found["name"]}={found["value"]}')}"


def _mapping(found: re.Match[str]) -> str:
    option = "--input" if found["fit"] else "--column"
    return f"{option} {shlex.quote(f'{found["name"]}={found["value"] or ""}')}"


def _argument(found: re.Match[str]) -> str:
    option, value = f"--{found['name'].replace('_', '-')}", found["value"]
    if value is None:
        return option
    text = value if '"' in value else value.replace("'", '"')  # which a shell passes as it is
    return f"{option} {shlex.quote(text)}"
