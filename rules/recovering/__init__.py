"""What recovery is made of: parts, clauses, attempts and explanations."""
