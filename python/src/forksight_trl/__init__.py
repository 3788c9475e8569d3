"""Trains a Forksight run file with TRL, and writes the run folder that Forksight's window reads."""

__version__ = "0.1.0"
