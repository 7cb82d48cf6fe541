"""The verbs of the command line as Python functions, one module each.

Each returns a dictionary, the same object that ``--output json`` prints. Nothing is imported here, so that
the command line pays only for the verb that is asked for; ``import sie_agent`` has them all as attributes.
"""
