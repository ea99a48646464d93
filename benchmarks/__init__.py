"""How fast things are, each beside a floor that is measured in the same run."""
