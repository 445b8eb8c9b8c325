"""Scored results in, static site out."""
