r"""Observational laws: capabilities of public models, seen through their benchmark scores.

Nobody trains a ladder of models to learn how scores rise with compute: hundreds of public models
have scores already, but they come from many families, and many scores are missing. One model takes
the table as it is:

.. math::

    y_{mj} &= c_j + (1 - c_j) \, \sigma(b_j + \lambda_j^\top \theta_m) + \text{scatter} \\
    \theta_m &= \alpha_{f(m)} + \beta_{f(m)} \log_{10} (C_m / C_0) + \text{own}_m

Score j of model m is a sigmoid, above its level of guessing c, of a few capabilities theta. These
are linear in log compute, each family with its own level and slope, drawn from one population; and
each model may differ from its family. A score that is missing has no likelihood, and is predicted
by the posterior; a downstream score of few models is one more column. Predictions let a sigmoid be
wrong for models unlike those that have the score (:class:`ScoreDiscrepancy`). With parameters and
tokens for compute, capabilities are linear in both logarithms and their product, for all families
alike.

After Ruan, Maddison and Hashimoto (2024), arXiv:2405.10938, whose imputation, principal components
and regression are three steps; and Maia Polo et al. (2024), arXiv:2412.06540.

>>> import bayescale as bs
>>> table = bs.load_dataset("ruan2024_base")  # doctest: +SKIP
>>> fit = bs.fit_capabilities(
...     table, ["mmlu", "gsm8k", "hellaswag"], factors=1, floors={"mmlu": 0.25, "hellaswag": 0.25}
... )  # doctest: +SKIP
>>> bs.predict_scores(fit)  # every model and score, the missing ones too  # doctest: +SKIP
"""
