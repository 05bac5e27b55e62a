"""What the formatter is made of: rows, their breaks and their alignment."""
