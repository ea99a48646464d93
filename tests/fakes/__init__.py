"""Small stores in memory that keep the contracts of the ports they stand for."""
