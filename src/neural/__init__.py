"""Dense neural networks: every formula in readable NumPy, every gradient checked.

>>> import neural
>>> net = neural.NeuralNetwork([neural.DenseLayer(784, 25, "relu"), neural.DenseLayer(25, 10, "softmax")])
"""

from neural.activations import (
    Activation,
    CustomActivation,
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
    CategoricalCrossEntropy,
    CategoricalCrossentropy,
    Loss,
)
from neural.metrics import Accuracy, F1Score, Metrics, Precision, Recall
from neural.nn import Network, NeuralNetwork
from neural.optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, Lion, Muon, NAdam, Optimizer, RMSProp
from neural.schedules import Constant, Cosine, OneCycle, Schedule, Step
from neural.threads import n_threads, set_threads

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "MAE",
    "MSE",
    "SGD",
    "Accuracy",
    "Activation",
    "ActivationLayer",
    "Adagrad",
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
    "HardSigmoid",
    "History",
    "Layer",
    "Linear",
    "Lion",
    "Loss",
    "Metrics",
    "ModelFileError",
    "Muon",
    "NAdam",
    "Network",
    "NeuralError",
    "NeuralNetwork",
    "OneCycle",
    "Optimizer",
    "Precision",
    "RMSProp",
    "ReLU",
    "Recall",
    "Schedule",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "n_threads",
    "set_threads",
]
