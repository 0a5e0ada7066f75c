"""Bridges to the tools that people already train with, a package for each.

:mod:`eigenwell.integrations.sb3` is for Stable-Baselines3: DC actors in its algorithms, and its
policies as C headers. Importing this package needs no extra.
"""
