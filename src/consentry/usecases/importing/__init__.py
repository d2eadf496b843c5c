"""Imports: what another system has, brought in whole or not at all, mirrored for a while, and cut over."""
