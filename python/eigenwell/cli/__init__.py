"""The command line: one file per verb, each a frozen dataclass that tyro turns into arguments.

Importing this package needs no extra; its modules need ``pip install "eigenwell[walk]"``.
"""
