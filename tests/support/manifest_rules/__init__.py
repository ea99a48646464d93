"""What a deployment must be like beyond its schema.

Each rule returns what breaks it, and its docstring says what happens in a cluster then.
"""

from tests.support.manifest_rules import pods, references, replicas, traffic

RULES = (*pods.RULES, *replicas.RULES, *references.RULES, *traffic.RULES)
