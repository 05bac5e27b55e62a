"""Nodes of the syntax tree, made while the parser reduces."""

from rules.building.builder import TreeBuilder

__all__ = ["TreeBuilder"]
