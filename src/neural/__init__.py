"""Dense neural networks: every formula in readable NumPy, every gradient checked.

>>> import neural
>>> net = neural.NeuralNetwork([neural.DenseLayer(784, 25, "relu"), neural.DenseLayer(25, 10, "softmax")])
"""

from neural.activations import (
    Activation,
    CustomActivation,
    Exponential,
    HardSigmoid,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
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
    BinaryFocal,
    CategoricalCrossEntropy,
    CategoricalCrossentropy,
    CategoricalFocal,
    CategoricalHinge,
    Gamma,
    GaussianNLL,
    Hinge,
    Huber,
    LogCosh,
    Loss,
    Poisson,
    Quantile,
    SquaredHinge,
)
from neural.metrics import Accuracy, F1Score, Metrics, Precision, Recall
from neural.nn import Network, NeuralNetwork
from neural.optimizers import SGD, Adam, AdamW, Optimizer
from neural.schedules import Constant, Cosine, OneCycle, Schedule, Step
from neural.threads import n_threads, set_threads

__version__ = "0.1.0"

__all__ = [
    "MAE",
    "MSE",
    "SGD",
    "Accuracy",
    "Activation",
    "ActivationLayer",
    "Adam",
    "AdamW",
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "BinaryFocal",
    "Callback",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "CategoricalFocal",
    "CategoricalHinge",
    "Constant",
    "Cosine",
    "CustomActivation",
    "DataUnavailable",
    "DenseLayer",
    "DropoutLayer",
    "EarlyStopping",
    "EngineUnavailable",
    "EngineWarning",
    "Exponential",
    "F1Score",
    "Gamma",
    "GaussianNLL",
    "HardSigmoid",
    "Hinge",
    "History",
    "Huber",
    "Layer",
    "Linear",
    "LogCosh",
    "Loss",
    "Metrics",
    "ModelFileError",
    "Network",
    "NeuralError",
    "NeuralNetwork",
    "OneCycle",
    "Optimizer",
    "Poisson",
    "Precision",
    "Quantile",
    "ReLU",
    "Recall",
    "Schedule",
    "Sigmoid",
    "Softmax",
    "SquaredHinge",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "n_threads",
    "set_threads",
]
