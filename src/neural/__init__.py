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
from neural.callbacks import Callback, Checkpoint, EarlyStopping, History, ReduceOnPlateau
from neural.errors import (
    DataUnavailable,
    EngineUnavailable,
    EngineWarning,
    ModelFileError,
    NeuralError,
    TrainingDiverged,
)
from neural.layer import Layer
from neural.layers import (
    ActivationLayer,
    DenseLayer,
    DropoutLayer,
    GaussianNoise,
    PReLU,
)
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
from neural.normalization import BatchNorm, LayerNorm
from neural.optimizers import SGD, Adam, AdamW, Optimizer
from neural.residual import Residual
from neural.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    ExponentialDecay,
    InverseScaling,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    Warmup,
)
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
    "BatchNorm",
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "BinaryFocal",
    "Callback",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "CategoricalFocal",
    "CategoricalHinge",
    "Checkpoint",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "CustomActivation",
    "DataUnavailable",
    "DenseLayer",
    "DropoutLayer",
    "EarlyStopping",
    "EngineUnavailable",
    "EngineWarning",
    "Exponential",
    "ExponentialDecay",
    "F1Score",
    "Gamma",
    "GaussianNLL",
    "GaussianNoise",
    "HardSigmoid",
    "Hinge",
    "History",
    "Huber",
    "InverseScaling",
    "Layer",
    "LayerNorm",
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
    "PReLU",
    "Poisson",
    "Polynomial",
    "Precision",
    "Quantile",
    "ReLU",
    "Recall",
    "ReduceOnPlateau",
    "Residual",
    "Schedule",
    "Sigmoid",
    "Softmax",
    "SquaredHinge",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "Warmup",
    "n_threads",
    "set_threads",
]
