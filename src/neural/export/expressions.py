"""Activations in the words that C and JavaScript have in common: one expression of z for each name.

NaN stays NaN: each comparison is false for it, and then gives z. ``clip(z, low, high)`` and ``tail(t)``, the share of
the standard normal above t >= 0, are written out by each of them; a setting goes by its own name. Softmax, which is of
a whole row, is in their own modules.
"""

EACH = {
    "linear": "z",
    "relu": "z < 0.0 ? 0.0 : z",
    "leaky_relu": "z < 0.0 ? slope * z : z",
    "relu6": "clip(z, 0.0, 6.0)",
    "elu": "z < 0.0 ? alpha * expm1(z) : z",
    "selu": "z < 0.0 ? 1.7580993408473769 * expm1(z) : 1.0507009873554805 * z",
    "hard_swish": "(z < -3.0 ? -3.0 : z) * (clip(z + 3.0, 0.0, 6.0) / 6.0)",
    "softplus": "(z < 0.0 ? 0.0 : z) + log1p(exp(-fabs(z)))",
    "gelu": "(z < 0.0 ? 0.0 : z) - clip(fabs(z), 0.0, 40.0) * tail(clip(fabs(z), 0.0, 40.0))",
    "gelu_tanh": "(z < -40.0 ? -40.0 : z)"
    " / (1.0 + exp(-clip(z, -40.0, 40.0) * (1.5957691216057308 + 0.07135481627260025 * (z * z))))",
    "silu": "(z < -800.0 ? -800.0 : z) / (1.0 + exp(-z))",
    "mish": "(z < -800.0 ? -800.0 : z) * tanh(log1p(exp(z < 25.0 ? z : 25.0)))",
    "tanh": "tanh(z)",
    "softsign": "clip(z, -1e30, 1e30) / (1.0 + fabs(clip(z, -1e30, 1e30)))",
    "smooth_clip": "clip(z, -1e15, 1e15) / sqrt(1.0 + clip(z, -1e15, 1e15) / 3.0 * (clip(z, -1e15, 1e15) / 3.0))",
    "sigmoid": "1.0 / (1.0 + exp(-z))",
    "hard_sigmoid": "clip(0.2 * z + 0.5, 0.0, 1.0)",
    "exponential": "exp(z)",
    "log": "log(z < 1.1754943508222875e-38 ? 1.1754943508222875e-38 : z)",
    "logit": "log(clip(z, 1.1754943508222875e-38, 1.0) / clip(1.0 - z, 1.1754943508222875e-38, 1.0))",
}
TABLE = "neural.export.expressions.EACH"
