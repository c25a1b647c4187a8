"""Compiled code: the decoder's way forward and back, for training and predictions."""

from sk_entity._compiled.batch import MOST_LAYERS, Batch, Pointer, kernel
from sk_entity._compiled.perceptron import Perceptron

__all__ = ["MOST_LAYERS", "Batch", "Perceptron", "Pointer", "kernel"]
