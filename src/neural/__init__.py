"""Dense neural networks: every formula in readable NumPy, every gradient checked.

>>> import neural
>>> net = neural.NeuralNetwork([neural.DenseLayer(784, 25, "relu"), neural.DenseLayer(25, 10, "softmax")])
"""

import typing

from neural.activation import Activation
from neural.activations import CustomActivation, Exponential, HardSigmoid, Linear, Sigmoid, Softmax, Softsign, Tanh
from neural.augment import Augment
from neural.averages import EMA, SWA, Average
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
from neural.nn import Network, NeuralNetwork, load
from neural.normalization import BatchNorm, LayerNorm
from neural.optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, Lion, Muon, NAdam, Optimizer, RMSProp
from neural.rectifiers import ELU, SELU, HardSwish, LeakyReLU, ReLU, ReLU6
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
from neural.smooth import GELU, GELUTanh, Mish, SiLU, Softplus
from neural.threads import n_threads, set_threads

if typing.TYPE_CHECKING:
    from neural.estimators import MLPClassifier as MLPClassifier
    from neural.estimators import MLPRegressor as MLPRegressor

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "EMA",
    "GELU",
    "LBFGS",
    "MAE",
    "MSE",
    "SELU",
    "SGD",
    "SWA",
    "Accuracy",
    "Activation",
    "ActivationLayer",
    "Adagrad",
    "Adam",
    "AdamW",
    "Augment",
    "Average",
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
    "GELUTanh",
    "Gamma",
    "GaussianNLL",
    "GaussianNoise",
    "HardSigmoid",
    "HardSwish",
    "Hinge",
    "History",
    "Huber",
    "InverseScaling",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Lion",
    "LogCosh",
    "Loss",
    "Metrics",
    "Mish",
    "ModelFileError",
    "Muon",
    "NAdam",
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
    "RMSProp",
    "ReLU",
    "ReLU6",
    "Recall",
    "ReduceOnPlateau",
    "Residual",
    "Schedule",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SquaredHinge",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "Warmup",
    "load",
    "n_threads",
    "set_threads",
]


def __getattr__(name: str) -> typing.Any:
    """Import scikit-learn only when somebody asks for one of its estimators."""
    if name not in ("MLPClassifier", "MLPRegressor"):
        raise AttributeError(f"module 'neural' has no attribute {name!r}")
    try:
        from neural import estimators
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("sklearn", "scipy", "joblib"):
            raise
        raise ImportError(
            f'{name} needs scikit-learn 1.9 or later. Install it: pip install "neural-dense[sklearn]".'
        ) from error
    return getattr(estimators, name)
