"""The documents of the HTTP interfaces, and the pages that show them.

Owns the OpenAPI files, their loading and their rendering; leaves what the operations do to the surfaces they describe.
"""
