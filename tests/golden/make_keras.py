"""Writes the Keras files of this folder: run once, with Keras 3.15.1, its PyTorch backend and h5py 3.16.

KERAS_BACKEND=torch python tests/golden/make_keras.py tests/golden/keras
"""

import sys
from pathlib import Path


def main(folder):
    import keras
    import numpy as np
    from keras import layers

    rng = np.random.default_rng(0)
    one, two = keras.Input((6,)), keras.Input((2, 3))
    first = layers.Dense(4, "tanh", name="first")(one)
    flat = layers.Dense(3, "elu")(layers.Flatten()(two))
    names = ("relu", "leaky_relu", "relu6", "elu", "selu", "gelu", "silu", "hard_silu", "mish", "softplus", "softsign")
    models = {
        "layers": keras.Sequential(
            [
                *(keras.Input((6,)), layers.Rescaling(0.5), layers.Dense(7, "relu"), layers.BatchNormalization()),
                *(layers.Dropout(0.1), layers.Dense(5, use_bias=False), layers.LayerNormalization(scale=False)),
                *(layers.Activation("gelu"), layers.LeakyReLU(0.2), layers.BatchNormalization(center=False)),
                *(layers.Dense(4), layers.PReLU(), layers.ReLU(6), layers.GaussianNoise(0.1), layers.ELU(0.7)),
                *(layers.Dense(3), layers.Softmax()),
            ]
        ),
        "activations": keras.Sequential(
            [keras.Input((6,)), *[layers.Dense(6, name) for name in (*names, "sigmoid", "exponential", "linear")]]
        ),
        "chain": keras.Model(one, layers.Dense(2)(first)),
        "images": keras.Model(two, flat),
    }
    for name, model in models.items():
        for variable in model.weights:
            drawn = (
                rng.uniform(0.5, 1.5, variable.shape)
                if "variance" in variable.name
                else rng.normal(0, 0.5, variable.shape)
            )
            variable.assign(drawn)
        X = rng.normal(size=(5, *model.input_shape[1:])).astype("float32")
        outputs = np.asarray(model.predict(X, verbose=0))
        np.savez(folder / f"{name}.npz", X=X.reshape(5, -1), outputs=outputs)
        model.save(folder / f"{name}.keras")
        if name in ("layers", "chain"):
            model.save(folder / f"{name}.h5")
    keras.Model(one, layers.Add()([first, first])).save(folder / "branches.keras")
    keras.Sequential([keras.Input((2,)), layers.Dense(2, "hard_sigmoid")]).save(folder / "hard_sigmoid.keras")
    models["chain"].save_weights(folder / "only.weights.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
