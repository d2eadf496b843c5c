"""Consent management for financial institutions, in one package.

Owns the package's version and nothing else: every capability lives in a subpackage.
"""

__version__ = "0.1.0"
