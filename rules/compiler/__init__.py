"""The compiler: the checked form of a rule set turned into generated Python."""

from rules.compiler.program import Program, compile_program
from rules.compiler.registers import Register

__all__ = ["Program", "Register", "compile_program"]
