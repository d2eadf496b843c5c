"""Receipts: made and signed for a customer, verified by anybody."""
