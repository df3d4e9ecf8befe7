"""Migrations of the store of usage."""
