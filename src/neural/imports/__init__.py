"""Networks from elsewhere: scikit-learn, PyTorch, Keras, ONNX.

What the network gives differs from what the original gives by rounding alone. What cannot be imported is named.
"""

from neural.imports.keras import from_keras
from neural.imports.onnx import from_onnx
from neural.imports.sklearn import from_sklearn
from neural.imports.torch import from_torch

__all__ = ["from_keras", "from_onnx", "from_sklearn", "from_torch"]
