"""Dense neural networks: every formula in readable NumPy, every gradient checked.

>>> import neural
>>> net = neural.NeuralNetwork([neural.DenseLayer(784, 25, "relu"), neural.DenseLayer(25, 10, "softmax")])
"""

from neural.activation import Activation
from neural.activations import CustomActivation, HardSigmoid, Linear, Sigmoid, Softmax, Softsign, Tanh
from neural.callbacks import Callback, EarlyStopping, History
from neural.errors import (
    DataUnavailable,
    EngineUnavailable,
    EngineWarning,
    ModelFileError,
    NeuralError,
    TrainingDiverged,
)
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer, DropoutLayer
from neural.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    BinaryCrossentropy,
    CategoricalCrossEntropy,
    CategoricalCrossentropy,
    Loss,
)
from neural.metrics import Accuracy, F1Score, Metrics, Precision, Recall
from neural.nn import Network, NeuralNetwork
from neural.optimizers import SGD, Adam, AdamW, Optimizer
from neural.rectifiers import ELU, SELU, HardSwish, LeakyReLU, ReLU, ReLU6
from neural.schedules import Constant, Cosine, OneCycle, Schedule, Step
from neural.smooth import GELU, GELUTanh, Mish, SiLU, Softplus
from neural.threads import n_threads, set_threads

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "MAE",
    "MSE",
    "SELU",
    "SGD",
    "Accuracy",
    "Activation",
    "ActivationLayer",
    "Adam",
    "AdamW",
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "Callback",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "Constant",
    "Cosine",
    "CustomActivation",
    "DataUnavailable",
    "DenseLayer",
    "DropoutLayer",
    "EarlyStopping",
    "EngineUnavailable",
    "EngineWarning",
    "F1Score",
    "GELUTanh",
    "HardSigmoid",
    "HardSwish",
    "History",
    "Layer",
    "LeakyReLU",
    "Linear",
    "Loss",
    "Metrics",
    "Mish",
    "ModelFileError",
    "Network",
    "NeuralError",
    "NeuralNetwork",
    "OneCycle",
    "Optimizer",
    "Precision",
    "ReLU",
    "ReLU6",
    "Recall",
    "Schedule",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "n_threads",
    "set_threads",
]
