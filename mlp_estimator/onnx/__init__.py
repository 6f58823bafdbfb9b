"""Fitted estimators as ONNX graphs (extra ``onnx``)."""

from .converters import register
from .export import to_onnx

__all__ = ["register", "to_onnx"]
