"""Public tables of training runs, by name.

>>> from bayescale.data.datasets import list_datasets, load_dataset
>>> load_dataset("sardana2024_fits")[["tokens_per_param", "alpha", "E"]]
   tokens_per_param  alpha     E
0               100   0.08  0.17
1               250   0.13  0.98
2               500   0.13  0.95
3             10000   0.18  1.45
>>> list_datasets().loc["hoffmann2022", "rows"]
np.int64(245)

Most sets are not ours to hand on, so a table is looked for in four places, in this order: the
folder named by the environment variable ``BAYESCALE_DATA``, the user's cache, the small tables
that the package ships, and, for a few sets, their public repository, from which it is fetched once,
checked and converted. Some sets are computed from another one when they are loaded. For the others
the error says where the numbers come from.
"""

from bayescale.data.datasets.catalogue import list_datasets
from bayescale.data.datasets.load import load_dataset

__all__ = ["list_datasets", "load_dataset"]
