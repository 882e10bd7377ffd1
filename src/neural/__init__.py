"""Dense neural networks: every formula in readable NumPy, every gradient checked.

>>> import neural
>>> net = neural.NeuralNetwork([neural.DenseLayer(784, 25, "relu"), neural.DenseLayer(25, 10, "softmax")])
"""

import importlib
from typing import TYPE_CHECKING, Any

from neural.activation import Activation
from neural.activations import (
    CustomActivation,
    Exponential,
    HardSigmoid,
    Linear,
    Sigmoid,
    SmoothClip,
    Softmax,
    Softsign,
    Tanh,
)
from neural.augment import Augment
from neural.averages import EMA, SWA, Average
from neural.branches import AverageLayer
from neural.callbacks import Callback, Checkpoint, EarlyStopping, History, ReduceOnPlateau
from neural.columns import OnColumns
from neural.embeddings import Embedding, PeriodicEmbedding, PiecewiseEmbedding
from neural.ensembles import EnsembleDense, MeanOfMembers
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
from neural.logarithms import Log, Logit
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
from neural.nn import Network, NeuralNetwork, load
from neural.normalization import BatchNorm, LayerNorm, Scaling
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

if TYPE_CHECKING:
    from neural.calibration import calibrate as calibrate
    from neural.calibration import reliability as reliability
    from neural.comparison import compare as compare
    from neural.comparison import compare_counts as compare_counts
    from neural.conformal import ConformalIntervals as ConformalIntervals
    from neural.conformal import ConformalSets as ConformalSets
    from neural.dependence import partial_dependence as partial_dependence
    from neural.dependence import permutation_importance as permutation_importance
    from neural.diagnosis import doctor as doctor
    from neural.estimators import MLPClassifier as MLPClassifier
    from neural.estimators import MLPRegressor as MLPRegressor
    from neural.explanations import explain as explain
    from neural.metrics import Accuracy as Accuracy
    from neural.metrics import F1Score as F1Score
    from neural.metrics import Metrics as Metrics
    from neural.metrics import Precision as Precision
    from neural.metrics import Recall as Recall
    from neural.nearest import prototypes as prototypes
    from neural.packing import ensemble as ensemble
    from neural.searches import searching as searching
    from neural.tabular import TabularClassifier as TabularClassifier
    from neural.tabular import TabularRegressor as TabularRegressor


__version__ = "0.1.0"

_LATER = {  # imported when they are first asked for
    "Accuracy": "metrics",
    "ConformalIntervals": "conformal",
    "ConformalSets": "conformal",
    "F1Score": "metrics",
    "Metrics": "metrics",
    "Precision": "metrics",
    "Recall": "metrics",
    "calibrate": "calibration",
    "compare": "comparison",
    "compare_counts": "comparison",
    "doctor": "diagnosis",
    "ensemble": "packing",
    "explain": "explanations",
    "partial_dependence": "dependence",
    "permutation_importance": "dependence",
    "prototypes": "nearest",
    "reliability": "calibration",
}

_ON_SCIKIT_LEARN = {
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "TabularClassifier": "tabular",
    "TabularRegressor": "tabular",
    "searching": "searches",
}
_MODULES = ("checkpoints", "config", "container", "metrics", "model_file", "tables")  # as neural.metrics, likewise


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})


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
    "AverageLayer",
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
    "ConformalIntervals",
    "ConformalSets",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "CustomActivation",
    "DataUnavailable",
    "DenseLayer",
    "DropoutLayer",
    "EarlyStopping",
    "Embedding",
    "EngineUnavailable",
    "EngineWarning",
    "EnsembleDense",
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
    "Log",
    "LogCosh",
    "Logit",
    "Loss",
    "MeanOfMembers",
    "Metrics",
    "Mish",
    "ModelFileError",
    "Muon",
    "NAdam",
    "Network",
    "NeuralError",
    "NeuralNetwork",
    "OnColumns",
    "OneCycle",
    "Optimizer",
    "PReLU",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
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
    "Scaling",
    "Schedule",
    "SiLU",
    "Sigmoid",
    "SmoothClip",
    "Softmax",
    "Softplus",
    "Softsign",
    "SquaredHinge",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "Warmup",
    "calibrate",
    "compare",
    "compare_counts",
    "doctor",
    "ensemble",
    "explain",
    "load",
    "n_threads",
    "partial_dependence",
    "permutation_importance",
    "prototypes",
    "reliability",
    "set_threads",
]


def __getattr__(name: str) -> Any:
    """Import what few programs need when somebody asks for it; scikit-learn only for one of its estimators."""
    if name in _LATER:
        globals()[name] = found = getattr(importlib.import_module(f"neural.{_LATER[name]}"), name)
        return found
    if name in _MODULES:
        return importlib.import_module(f"neural.{name}")
    if name not in _ON_SCIKIT_LEARN:
        raise AttributeError(f"module 'neural' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"neural.{_ON_SCIKIT_LEARN[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("sklearn", "scipy", "joblib"):
            raise
        raise ImportError(
            f'{name} needs scikit-learn 1.9 or later. Install it: pip install "neural-dense[sklearn]".'
        ) from error
