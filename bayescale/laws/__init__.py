"""Scaling laws: what a law is (`base`), how it is found (`registry`), and its equations
(`library`).

>>> from bayescale.laws.registry import get_law
>>> get_law("chinchilla").name
'chinchilla'
"""
