"""Compiled code: the decoder's way forward and back, and Adam's updates."""

from sk_entity._compiled.batch import MOST_LAYERS, Batch, Part, Pointer, Rows, kernel
from sk_entity._compiled.perceptron import Perceptron

__all__ = ["MOST_LAYERS", "Batch", "Part", "Perceptron", "Pointer", "Rows", "kernel"]
