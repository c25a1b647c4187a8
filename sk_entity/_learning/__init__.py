"""Codes -> vectors: the only folder that imports torch and skorch.

Import it inside ``fit`` only: ``import sk_entity`` and ``transform`` need no torch.
"""
