r"""Citations of laws and models, from what they declare and nothing else.

>>> from bayescale.studies.citation import cite
>>> cite("chinchilla")
'Hoffmann et al. (2022), arXiv:2203.15556, eq. 2'
>>> print(cite("chinchilla", "bibtex"))
@misc{hoffmann2022,
  author = {Hoffmann and others},
  year = {2022},
  eprint = {2203.15556},
  archivePrefix = {arXiv},
}
"""

import re
from collections.abc import Iterator
from typing import Literal

from bayescale.errors import BayescaleError, closest
from bayescale.laws.base import Law
from bayescale.laws.registry import get_law, law_names
from bayescale.studies.study import Published, Study, load_study, model_names

_WORK = re.compile(r"(?P<authors>[A-Z][^()=,\d]*?) \(?(?P<year>(?:19|20)\d\d)\)?(?P<rest>.*)")


_ARXIV = re.compile(r"(?:arXiv:|arxiv\.org/abs/)(\d{4}\.\d{4,5})")


def cite(what: str | type[Law] | Study, style: Literal["text", "bibtex"] = "text") -> str:
    """Return the citation of a law or a study.

    Parameters
    ----------
    what : str, Law class or Study
        A law or a model file, or the name of one. A law goes before a model of the same name.
    style : {"text", "bibtex"}
        Plain text, or BibTeX, an entry per work. An entry holds what the law or the model declares:
        authors as "First and others", year, arXiv number; complete it before you print it.

    Returns
    -------
    str
        One line per work; for a model the law's reference first, then the sources of its values.

    Raises
    ------
    BayescaleError
        When there is nothing of that name, or nothing declared that can be cited.

    See Also
    --------
    describe_law : Describe a law.
    load_study : Read a model file, which names its sources.

    Examples
    --------
    >>> bs.cite("chinchilla")
    'Hoffmann et al. (2022), arXiv:2203.15556, eq. 2'
    >>> print(bs.cite("chinchilla", style="bibtex"))
    @misc{hoffmann2022,
      author = {Hoffmann and others},
      year = {2022},
      eprint = {2203.15556},
      archivePrefix = {arXiv},
    }
    """
    lines = list(dict.fromkeys(_sources(_found(what))))
    if style == "bibtex":
        entries = dict.fromkeys(entry for line in lines for entry in _entries(line))
        lines = list(entries)
    if not any(lines):
        name = what if isinstance(what, str) else what.name
        raise BayescaleError(
            f"{name} declares nothing to cite as {style}: give the law a reference = "
            '"Author et al. (year), arXiv:number"'
        )
    return "\n".join(lines)


def _found(what: str | type[Law] | Study) -> type[Law] | Study:
    if not isinstance(what, str):
        return what
    if what in law_names():
        return get_law(what)
    known = model_names()
    if what in known or what.endswith(".toml"):
        return load_study(what)
    raise BayescaleError(
        f"no law or model named {what!r}{closest(what, [*law_names(), *known])}; "
        "bayescale.list_laws() and bayescale.list_studies() list them"
    )


def _sources(what: type[Law] | Study) -> Iterator[str]:
    """Yield the references, a text each."""
    if not isinstance(what, Study):
        yield what.reference
        return
    yield get_law(what.law).reference
    yield from (_published(block) for block in what.published)


def _published(block: Published) -> str:
    return ", ".join(part for part in (block.source, block.url) if part)


def _entries(reference: str) -> Iterator[str]:
    """Yield a BibTeX entry for each work that a reference names by author and year."""
    for part in reference.split(";"):
        work = _WORK.search(part.strip())
        if not work:
            continue
        rest, arxiv = work["rest"], _ARXIV.search(work["rest"])
        url = re.search(r"https?://\S+", rest)
        fields = {
            "author": re.sub(r" et al\.?$", " and others", work["authors"]).replace("&", "and"),
            "year": work["year"],
            "eprint": arxiv[1] if arxiv else "",
            "archivePrefix": "arXiv" if arxiv else "",
            "url": url[0] if url and not arxiv else "",
        }
        key = re.sub(r"\W", "", work["authors"].split()[0]).lower() + work["year"]
        written = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
        yield f"@misc{{{key},\n{written}}}"
