"""Bad arguments of methods, constructors and functions, bad use by hand, damaged files: refused in the right words."""

import copy

import numpy as np
import pytest

from neural import (
    ELU,
    ActivationLayer,
    Adam,
    AdamW,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    DenseLayer,
    DropoutLayer,
    EarlyStopping,
    LeakyReLU,
    NeuralNetwork,
    activations,
    datasets,
    initializers,
    losses,
    metrics,
)
from neural.callbacks import Callback
from neural.errors import ModelFileError
from neural.optimizers import LBFGS, SGD, Adagrad, Lion, Muon, NAdam, RMSProp
from neural.schedules import Cosine, OneCycle, Step
from tests.refusals import (
    BITS,
    INF,
    KINDS,
    LABELS,
    LATE,
    NAN,
    ONE_HOT,
    VALUES,
    X,
    fit,
    put,
    refuses,
    refuses_and_keeps,
)


# --- the other arguments of the network's methods --------------------------------------------------------------------
class Hook(Callback):
    pass


DATES = np.array(["2020-01-01"] * 3, "datetime64[D]")


def loss(y_true, y_pred):
    return 0.0


def fits(**given):
    return lambda net: fit(net, "softmax", **given)


ARGUMENTS = [
    # fit
    ("epochs 0", fits(epochs=0), ValueError, ["epochs", "at least 1", "Got 0"]),
    ("epochs -3", fits(epochs=-3), ValueError, ["epochs", "-3"]),
    ("epochs 1.5", fits(epochs=1.5), TypeError, ["epochs", "whole", "1.5"]),
    ("epochs True", fits(epochs=True), TypeError, ["epochs", "whole", "True"]),
    ("epochs text", fits(epochs="3"), TypeError, ["epochs", "whole", "'3'"]),
    ("epochs None", fits(epochs=None), TypeError, ["epochs", "whole", "None"]),
    ("epochs nan", fits(epochs=NAN), TypeError, ["epochs", "whole", "nan"]),
    ("rate -0.1", fits(learning_rate=-0.1), ValueError, ["learning_rate", "at least 0", "-0.1"]),
    ("rate nan", fits(learning_rate=NAN), ValueError, ["learning_rate", "finite", "nan"]),
    ("rate inf", fits(learning_rate=INF), ValueError, ["learning_rate", "finite", "inf"]),
    ("rate 10**400", fits(learning_rate=10**400), ValueError, ["learning_rate", "finite", "1000"]),
    ("rate text", fits(learning_rate="fast"), TypeError, ["learning_rate", "'fast'"]),
    ("rate None", fits(learning_rate=None), TypeError, ["learning_rate", "None"]),
    ("rate True", fits(learning_rate=True), TypeError, ["learning_rate", "True"]),
    ("rate array", fits(learning_rate=np.ones(2)), TypeError, ["learning_rate", "(2,)"]),
    ("batch_size 0", fits(batch_size=0), ValueError, ["batch_size", "at least 1", "Got 0"]),
    ("batch_size -5", fits(batch_size=-5), ValueError, ["batch_size", "-5"]),
    ("batch_size 2.5", fits(batch_size=2.5), TypeError, ["batch_size", "whole", "2.5"]),
    ("batch_size text", fits(batch_size="all"), TypeError, ["batch_size", "whole", "'all'"]),
    ("batch_size True", fits(batch_size=True), TypeError, ["batch_size", "whole", "True"]),
    ("optimizer name", fits(optimizer="adm"), ValueError, ["optimizer", "'adm'", "Did you mean 'adam'?"]),
    ("optimizer number", fits(optimizer=5), TypeError, ["optimizer", "'sgd'", "Got 5"]),
    ("optimizer None", fits(optimizer=None), TypeError, ["optimizer", "None"]),
    ("schedule name", fits(schedule="cosin"), ValueError, ["schedule", "'cosin'", "Did you mean 'cosine'?"]),
    ("schedule number", fits(schedule=0.5), TypeError, ["schedule", "0.5"]),
    ("validation_split few", fits(validation_split=0.01), ValueError, ["validation_split", "12", "0.01"]),
    ("validation_split 1", fits(validation_split=1), ValueError, ["validation_split", "12", "Got 1"]),
    ("validation_split 1.5", fits(validation_split=1.5), ValueError, ["validation_split", "1.5"]),
    ("validation_split -0.1", fits(validation_split=-0.1), ValueError, ["validation_split", "-0.1"]),
    ("validation_split nan", fits(validation_split=NAN), ValueError, ["validation_split", "nan"]),
    ("validation_split text", fits(validation_split="0.2"), TypeError, ["validation_split", "'0.2'"]),
    ("validation_split True", fits(validation_split=True), TypeError, ["validation_split", "True"]),
    ("validation twice", fits(validation_split=0.5, validation_data=(X, LABELS)), ValueError,
     ["validation_data", "validation_split", "both"]),
    ("validation without weight", fits(validation_split=0.5, sample_weight=put(np.zeros(12), 3, 1)), ValueError,
     ["sample_weight", "validation_split", "(12,)"]),
    ("validation_data array", fits(validation_data=X), TypeError, ["validation_data", "(X, y)", "(12, 4)"]),
    ("validation_data X alone", fits(validation_data=(X,)), ValueError, ["validation_data", "(X, y)"]),
    ("validation_data of four", fits(validation_data=(1, 2, 3, 4)), ValueError, ["validation_data", "(1, 2, 3, 4)"]),
    ("validation_data text", fits(validation_data="XY"), TypeError, ["validation_data", "'XY'"]),
    ("validation_data wide", fits(validation_data=(X[:, :2], LABELS)), ValueError,
     ["validation_data", "X", "(n, 4)", "(12, 2)"]),
    ("metrics name", fits(metrics="accurracy"), ValueError, ["metric", "'accurracy'", "Did you mean 'accuracy'?"]),
    ("metrics names", fits(metrics=["f1", "recal"]), ValueError, ["metric", "'recal'", "Did you mean 'recall'?"]),
    ("metrics number", fits(metrics=5), TypeError, ["metrics", "Got 5"]),
    ("metrics numbers", fits(metrics=[5]), TypeError, ["metric", "Got 5"]),
    ("metrics called loss", fits(metrics=[loss]), ValueError, ["metrics", "'loss'"]),
    ("metrics of one name", fits(metrics=[lambda t, p: 0, lambda t, p: 1]), ValueError, ["metrics", "'<lambda>'"]),
    ("metrics for values", fits(metrics="r2"), ValueError, ["metric r2", "(12, 3)"]),
    ("callbacks number", fits(callbacks=5), TypeError, ["callbacks", "Got 5"]),
    ("callbacks text", fits(callbacks="early"), TypeError, ["callbacks", "'early'"]),
    ("callbacks texts", fits(callbacks=["early"]), TypeError, ["callback", "on_epoch_end", "'early'"]),
    ("callbacks class", fits(callbacks=[float]), TypeError, ["callback", "on_epoch_end", "float"]),
    ("callback number", fits(callback=5), TypeError, ["callback", "(true, predicted, loss, epoch)", "Got 5"]),
    ("monitor name", fits(callbacks=EarlyStopping("los", mode="min")), ValueError,
     ["monitor", "'los'", "Did you mean 'loss'?"]),
    ("monitor without validation", fits(callbacks=[Hook(), EarlyStopping()]), ValueError,
     ["monitor", "'val_loss'", "validation_data"]),
    ("monitor without metric", fits(callbacks=EarlyStopping("accuracy")), ValueError, ["monitor", "'accuracy'"]),
    ("verbose 7", fits(verbose=7), ValueError, ["verbose", "0, 1", "7"]),
    ("verbose text", fits(verbose="yes"), ValueError, ["verbose", "'yes'"]),
    ("verbose None", fits(verbose=None), ValueError, ["verbose", "None"]),
    ("verbose array", fits(verbose=np.ones(2)), ValueError, ["verbose", "(2,)"]),
    ("n_threads 0", fits(n_threads=0), ValueError, ["n_threads", "at least 1", "Got 0"]),
    ("n_threads 1.5", fits(n_threads=1.5), TypeError, ["n_threads", "whole", "1.5"]),
    ("n_threads text", fits(n_threads="all"), TypeError, ["n_threads", "whole", "'all'"]),
    ("unknown argument", fits(epoch=3), TypeError, ["epoch"]),
    # evaluate
    ("evaluate: metric name", lambda net: net.evaluate(X, LABELS, "f2"), ValueError, ["metric", "'f1'", "Got 'f2'"]),
    ("evaluate: metrics number", lambda net: net.evaluate(X, LABELS, 5), TypeError, ["metrics", "Got 5"]),
    # add and use_loss
    ("add a class", lambda net: net.add(DenseLayer), TypeError, ["layer", "DenseLayer(784, 25)", "DenseLayer"]),
    ("add text", lambda net: net.add("relu"), TypeError, ["layer", "'relu'"]),
    ("add None", lambda net: net.add(None), TypeError, ["layer", "None"]),
    ("add twice", lambda net: net.add(net.layers[0]), ValueError, ["layer", "once", "this network already"]),
    ("add another's", lambda net: net.add(LATE), ValueError, ["layer", "DenseLayer", "another network"]),
    ("loss name", lambda net: net.use_loss("binary_crossentrpy"), ValueError,
     ["loss", "'binary_crossentrpy'", "Did you mean 'binary_crossentropy'?"]),
    ("loss number", lambda net: net.use_loss(5), TypeError, ["loss", "'mse'", "Got 5"]),
    ("loss None", lambda net: net.use_loss(None), TypeError, ["loss", "None"]),
    ("loss class", lambda net: net.use_loss(float), TypeError, ["loss", "float"]),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "exception", "words"), [pytest.param(*row, id=label) for label, *row in ARGUMENTS])
def test_bad_arguments(bad, exception, words):
    refuses_and_keeps("softmax", bad, exception, words)


@pytest.mark.parametrize("y", [VALUES, np.arange(12) % 3, 2 * BITS - 1], ids=["real", "counts", "signs"])
def test_metric_of_classes_for_values(y):
    """Whole numbers too: one output cut at 0.5 says nothing of them."""
    odd = f"Got {y[(y != 0) & (y != 1)][0]:g}"
    words = ["metric recall: y", "0 or 1", odd, "r2_score, mse or mae"]
    refuses_and_keeps("linear", lambda net: fit(net, "linear", y=y, metrics="recall"), ValueError, words)
    net = KINDS["linear"][0]()
    refuses(lambda: net.evaluate(X, y, "recall"), ValueError, words)


def test_metric_of_classes_for_several_values():
    net = NeuralNetwork([DenseLayer(4, 2)], "mse")
    words = ["metric accuracy: y_true", "one-hot", "for real values use r2_score"]
    refuses(lambda: net.fit(X, X[:, :2], metrics="accuracy"), ValueError, words)


def test_metric_of_classes_for_zeros_and_ones():
    net = NeuralNetwork([DenseLayer(4, 1, "sigmoid")], "mse", random_state=0)
    found = net.evaluate(X, BITS * 1.0, "accuracy")["accuracy"]
    assert found == np.mean((net.predict(X)[:, 0] > 0.5) == BITS)


# --- constructors and functions --------------------------------------------------------------------------------------
def stays(layers, *more, **options):
    return lambda: NeuralNetwork(layers, *more, **options)


def of_wrong_shape(z):
    return z[:, :2] if z.ndim == 2 and z.shape[1] > 2 else z


CALLS = [
    # NeuralNetwork
    ("dtype int32", stays([], dtype="int32"), ValueError, ["dtype", "'float32'", "'int32'"]),
    ("dtype None", stays([], dtype=None), ValueError, ["dtype", "'float32'", "None"]),
    ("engine gpu", stays([], engine="gpu"), ValueError, ["engine", "'numpy'", "'gpu'"]),
    ("engine None", stays([], engine=None), ValueError, ["engine", "'numpy'", "None"]),
    ("input_scale nan", stays([], input_scale=NAN), ValueError, ["input_scale", "finite", "nan"]),
    ("input_scale text", stays([], input_scale="1/255"), TypeError, ["input_scale", "'1/255'"]),
    ("random_state -1", stays([], random_state=-1), ValueError, ["random_state", "at least 0", "-1"]),
    ("random_state text", stays([], random_state="x"), TypeError, ["random_state", "whole number", "'x'"]),
    ("random_state 1.5", stays([], random_state=1.5), TypeError, ["random_state", "whole number", "1.5"]),
    ("layers a layer", stays(DenseLayer(4, 3)), TypeError, ["layers", "list", "DenseLayer"]),
    ("layers a number", stays(5), TypeError, ["layers", "list", "5"]),
    ("layers of a class", stays([DenseLayer]), TypeError, ["layer", "DenseLayer(784, 25)", "class"]),
    ("layers of text", stays(["relu"]), TypeError, ["layer", "'relu'"]),
    ("layers of another", stays([LATE]), ValueError, ["layer", "once", "another network"]),
    ("layers the same twice", stays([DenseLayer(2, 2)] * 2), ValueError, ["layer", "once", "this network already"]),
    ("use_loss name", stays([], "mze"), ValueError, ["loss", "'mze'", "Did you mean 'mse'?"]),
    ("params unknown width", lambda: NeuralNetwork([DenseLayer(None, 3)]).params, ValueError, ["width", "n_in"]),
    # layers
    ("n_out 0", lambda: DenseLayer(4, 0), ValueError, ["n_out", "at least 1", "Got 0"]),
    ("n_out None", lambda: DenseLayer(784), TypeError, ["n_out", "None"]),
    ("n_out text", lambda: DenseLayer(4, "relu"), TypeError, ["n_out", "DenseLayer(n_out=4, activation='relu')"]),
    ("activation with parameters", lambda: DenseLayer(4, 3, "prelu"), ValueError, ["'prelu'", "net.add(PReLU())"]),
    ("a part of two names", lambda: NeuralNetwork(use_loss="focal"), ValueError,
     ["'binary_focal' or 'categorical_focal'?"]),
    ("n_out 2.0", lambda: DenseLayer(4, 2.0), TypeError, ["n_out", "whole", "2.0"]),
    ("n_in 0", lambda: DenseLayer(0, 3), ValueError, ["n_in", "at least 1", "Got 0"]),
    ("n_in -1", lambda: DenseLayer(-1, 3), ValueError, ["n_in", "at least 1", "-1"]),
    ("n_in True", lambda: DenseLayer(True, 3), TypeError, ["n_in", "True"]),
    ("n_in twice", lambda: DenseLayer(4, 3, n_l_1=5), TypeError, ["n_in", "once", "4 and 5"]),
    ("l2 twice", lambda: DenseLayer(4, 3, 0.1, l2=0.2), TypeError, ["l2", "once", "0.1 and 0.2"]),
    ("l2 -1", lambda: DenseLayer(4, 3, -1), ValueError, ["l2", "at least 0", "-1"]),
    ("l1 nan", lambda: DenseLayer(4, 3, l1=NAN), ValueError, ["l1", "nan"]),
    ("l2 text", lambda: DenseLayer(4, 3, l2="x"), TypeError, ["l2", "'x'"]),
    ("bias text", lambda: DenseLayer(4, 3, bias="no"), TypeError, ["bias", "True or False", "'no'"]),
    ("bias too many", lambda: DenseLayer(4, 3, 0.1, True, "he"), TypeError, ["by keyword", "init"]),
    ("bias after activation", lambda: DenseLayer(4, 3, "relu", True), TypeError, ["by keyword", "bias"]),
    ("init name", lambda: DenseLayer(4, 3, init="xaver"), ValueError, ["init", "'xaver'", "Did you mean 'xavier'?"]),
    ("init name of others", lambda: DenseLayer(4, 3, init="lecun_norm"), ValueError,
     ["'auto', 'glorot', 'glorot_normal', 'glorot_uniform', 'he'", "Did you mean 'lecun_normal'?"]),
    ("init number of names", lambda: DenseLayer(4, 3, init=7), TypeError, ["init", "'auto', 'glorot'", "Got 7"]),
    ("init array of text", lambda: DenseLayer(4, 3, init=np.array(["a"])), TypeError, ["init", "numbers", "'a'"]),
    ("init array of nan", lambda: DenseLayer(4, 3, init=np.full((3, 4), NAN)), ValueError, ["init", "finite", "row 0"]),
    ("init array turned", lambda: DenseLayer(4, 3, init=np.ones((4, 3))).weights, ValueError, ["(3, 4)", "(4, 3)"]),
    ("init orthogonal for biases", lambda: DenseLayer(4, 3, bias_init="orthogonal").biases, ValueError,
     ["orthogonal", "matrix", "'zeros'"]),
    ("slope 0", lambda: LeakyReLU(0), ValueError, ["slope", "above 0", "Got 0"]),
    ("slope 2", lambda: LeakyReLU(2), ValueError, ["slope", "at most 1", "Got 2"]),
    ("alpha text", lambda: ELU("x"), TypeError, ["alpha", "'x'"]),
    ("constant nan", lambda: initializers.Constant(NAN), ValueError, ["value", "finite", "nan"]),
    ("std 0", lambda: initializers.TruncatedNormal(0), ValueError, ["std", "above 0", "Got 0"]),
    ("init number", lambda: DenseLayer(4, 3, init=0), TypeError, ["init", "'he'", "Got 0"]),
    ("bias_init name", lambda: DenseLayer(4, 3, bias_init="zeroes"), ValueError,
     ["bias_init", "'zeroes'", "Did you mean 'zeros'?"]),
    ("activation name", lambda: DenseLayer(4, 3, "rellu"), ValueError, ["activation", "'rellu'", "mean 'relu'?"]),
    ("activation type", lambda: DenseLayer(4, 3, float), TypeError, ["activation", "'relu'", "float"]),
    ("activation list", lambda: ActivationLayer(["relu"]), TypeError, ["activation", "'relu'", "['relu']"]),
    ("activation array", lambda: ActivationLayer(np.ones(3)), TypeError, ["activation", "'relu'", "(3,)"]),
    ("activation of nothing", lambda: ActivationLayer(lambda z: None), ValueError, ["activation", "numbers"]),
    ("activation of nan", lambda: ActivationLayer((lambda z: z * NAN, lambda z: z)), ValueError, ["activation", "nan"]),
    ("activation of another shape", lambda: ActivationLayer(of_wrong_shape), ValueError, ["activation", "(6, 2)"]),
    ("activation by hand, text", lambda: activations.ReLU.activation("x"), TypeError, ["z", "numbers", "'x'"]),
    ("activation by hand, complex", lambda: activations.Tanh()(1j), TypeError, ["z", "numbers", "complex"]),
    ("dropout_rate 1", lambda: DropoutLayer(1), ValueError, ["dropout_rate", "below 1", "Got 1"]),
    ("dropout_rate -0.1", lambda: DropoutLayer(-0.1), ValueError, ["dropout_rate", "at least 0", "-0.1"]),
    ("dropout_rate nan", lambda: DropoutLayer(NAN), ValueError, ["dropout_rate", "nan"]),
    ("dropout_rate text", lambda: DropoutLayer("half"), TypeError, ["dropout_rate", "'half'"]),
    # losses
    ("loss l2 -1", lambda: CategoricalCrossentropy(l2=-1), ValueError, ["l2", "at least 0", "-1"]),
    ("loss l2 text", lambda: BinaryCrossentropy("x"), TypeError, ["l2", "'x'"]),
    ("loss shapes", lambda: losses.MSE().loss(np.ones((2, 3)), np.ones((3, 2))), ValueError,
     ["y_true", "(3, 2)", "(2, 3)"]),
    ("loss_prime shapes", lambda: losses.MAE().loss_prime([1, 2, 3], [[1.0], [2.0]]), ValueError,
     ["y_true", "(2, 1)", "(3,)"]),
    ("loss of text", lambda: losses.MSE().loss(["a"], [1.0]), TypeError, ["y_true", "numbers", "'a'"]),
    ("loss of nan", lambda: losses.MSE().loss([NAN], [1.0]), ValueError, ["y_true", "finite", "nan"]),
    ("loss of numbers", lambda: losses.MSE().loss(1.0, 2.0), ValueError, ["y_pred", "(n_out, batch)", "shape ()"]),
    ("loss of nothing", lambda: losses.MSE().loss([], []), ValueError, ["y_pred", "empty", "(0,)"]),
    ("loss three-dimensional", lambda: losses.MSE().loss(ONE_HOT[None], ONE_HOT[None]), ValueError,
     ["y_pred", "(n_out, batch)", "(1, 12, 3)"]),
    ("loss ws", lambda: losses.MSE().loss([1.0], [1.0], "x"), TypeError, ["ws", "'x'"]),
    # optimizers, schedules, callbacks
    ("momentum 1", lambda: SGD(momentum=1), ValueError, ["momentum", "below 1", "Got 1"]),
    ("momentum text", lambda: SGD("x"), TypeError, ["momentum", "'x'"]),
    ("nesterov text", lambda: SGD(0.9, "yes"), TypeError, ["nesterov", "True or False", "'yes'"]),
    ("nesterov alone", lambda: SGD(nesterov=True), ValueError, ["momentum", "nesterov", "0"]),
    ("beta1 1", lambda: Adam(beta1=1), ValueError, ["beta1", "below 1", "Got 1"]),
    ("beta2 nan", lambda: Adam(beta2=NAN), ValueError, ["beta2", "nan"]),
    ("epsilon 0", lambda: Adam(epsilon=0), ValueError, ["epsilon", "above 0", "Got 0"]),
    ("weight_decay -1", lambda: AdamW(weight_decay=-1), ValueError, ["weight_decay", "at least 0", "-1"]),
    ("rho 1", lambda: RMSProp(1), ValueError, ["rho", "below 1", "Got 1"]),
    ("rmsprop epsilon 0", lambda: RMSProp(epsilon=0), ValueError, ["epsilon", "above 0", "Got 0"]),
    ("rmsprop momentum", lambda: RMSProp(momentum=-0.1), ValueError, ["momentum", "at least 0", "-0.1"]),
    ("adagrad epsilon", lambda: Adagrad(0), ValueError, ["epsilon", "above 0", "Got 0"]),
    ("momentum_decay", lambda: NAdam(momentum_decay=-1), ValueError, ["momentum_decay", "at least 0", "-1"]),
    ("lion beta2 text", lambda: Lion(beta2="x"), TypeError, ["beta2", "'x'"]),
    ("lion decay", lambda: Lion(weight_decay=NAN), ValueError, ["weight_decay", "nan"]),
    ("muon momentum", lambda: Muon(momentum=1), ValueError, ["momentum", "below 1", "Got 1"]),
    ("pairs 0", lambda: LBFGS(0), ValueError, ["pairs", "at least 1", "Got 0"]),
    ("tol -1", lambda: LBFGS(tol=-1), ValueError, ["tol", "at least 0", "-1"]),
    ("max_fun 1.5", lambda: LBFGS(max_fun=1.5), TypeError, ["max_fun", "whole", "1.5"]),
    ("drop 0", lambda: Step(drop=0), ValueError, ["drop", "above 0", "Got 0"]),
    ("every 1.5", lambda: Step(every=1.5), TypeError, ["every", "whole", "1.5"]),
    ("end 2", lambda: Cosine(end=2), ValueError, ["end", "at most 1", "Got 2"]),
    ("rise nan", lambda: OneCycle(rise=NAN), ValueError, ["rise", "nan"]),
    ("patience -1", lambda: EarlyStopping(patience=-1), ValueError, ["patience", "at least 0", "-1"]),
    ("patience 1.5", lambda: EarlyStopping(patience=1.5), TypeError, ["patience", "whole", "1.5"]),
    ("min_delta nan", lambda: EarlyStopping(min_delta=NAN), ValueError, ["min_delta", "nan"]),
    ("mode", lambda: EarlyStopping(mode="lower"), ValueError, ["mode", "'min'", "'lower'"]),
    ("monitor without mode", lambda: EarlyStopping("val_mine"), ValueError, ["mode", "'min' or 'max'", "'val_mine'"]),
    ("monitor number", lambda: EarlyStopping(5), TypeError, ["monitor", "'val_loss'", "Got 5"]),
    # metrics
    ("metric lengths", lambda: metrics.accuracy([0, 1], [0, 1, 1]), ValueError, ["y_pred", "2 rows", "(3,)"]),
    ("metric of nothing", lambda: metrics.recall([], []), ValueError, ["y_true", "at least one row", "(0,)"]),
    ("metric of nan", lambda: metrics.precision([0, 1], [0, NAN]), ValueError, ["y_pred", "finite", "nan", "row 1"]),
    ("metric of values", lambda: metrics.f1_score([0.5, 1.5], [0, 1]), ValueError, ["y_true", "labels", "r2_score"]),
    ("metric of both", lambda: metrics.accuracy(["a", 1], ["a", "b"]), TypeError, ["y_true", "all text", "Got 1"]),
    ("metric average", lambda: metrics.f1_score(LABELS, LABELS, average="makro"), ValueError,
     ["average", "'makro'", "Did you mean 'macro'?"]),
    ("metric of words", lambda: metrics.r2_score(["a"], ["b"]), TypeError, ["y_true", "numbers", "<U1"]),
    ("metric of dates", lambda: metrics.accuracy(DATES, DATES), TypeError, ["y_true", "datetime64"]),
    ("confusion labels", lambda: metrics.confusion_matrix([0, 1], [0, 1], labels=[0, 0]), ValueError,
     ["labels", "different", "[0, 0]"]),
    # datasets
    ("n_samples 0", lambda: datasets.make_moons(0), ValueError, ["n_samples", "at least 1", "Got 0"]),
    ("n_samples text", lambda: datasets.make_xor("x"), TypeError, ["n_samples", "'x'"]),
    ("noise -1", lambda: datasets.make_circles(noise=-1), ValueError, ["noise", "at least 0", "-1"]),
    ("factor 1", lambda: datasets.make_circles(factor=1), ValueError, ["factor", "Got 1"]),
    ("classes 0", lambda: datasets.make_spirals(classes=0), ValueError, ["classes", "at least 1", "Got 0"]),
    ("toy random_state", lambda: datasets.make_moons(random_state="x"), TypeError, ["random_state", "'x'"]),
    ("test_fraction 0", lambda: datasets.train_test_split(X, test_fraction=0), ValueError, ["test_fraction", "Got 0"]),
    ("test_fraction by place", lambda: datasets.train_test_split(X, LABELS, 0.3), TypeError,
     ["arrays", "data frames", "Got 0.3", "test_fraction=0.3"]),
    ("split of None", lambda: datasets.train_test_split(X, None), TypeError, ["arrays", "data frames", "Got None"]),
    ("split lengths", lambda: datasets.train_test_split(X, LABELS[:3]), ValueError, ["arrays", "length", "[12, 3]"]),
    ("split of nothing", lambda: datasets.train_test_split(), ValueError, ["arrays", "one or more", "[]"]),
    ("quadratic width", lambda: datasets.quadratic_features(X), ValueError, ["X", "(n, 2)", "(12, 4)"]),
    ("one_hot -1", lambda: datasets.one_hot([0, -1]), ValueError, ["y", "from 0", "-1"]),
    ("one_hot 3 of 3", lambda: datasets.one_hot([0, 3], 3), ValueError, ["y", "0 to 2", "Got 3"]),
    ("one_hot 1.5", lambda: datasets.one_hot([0, 1.5]), TypeError, ["y", "whole", "float64"]),
    ("one_hot n_classes", lambda: datasets.one_hot([0], 0), ValueError, ["n_classes", "at least 1", "Got 0"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "exception", "words"), [pytest.param(*row, id=label) for label, *row in CALLS])
def test_bad_calls(call, exception, words):
    refuses(call, exception, words)


@pytest.mark.parametrize("second", [DenseLayer, "relu", None, LATE, "twice"])
def test_a_network_that_does_not_come_to_be_keeps_no_layer(second):
    first = DenseLayer(4, 3, random_state=1)
    weights = copy.deepcopy(first).weights
    with pytest.raises((TypeError, ValueError)):
        NeuralNetwork([first, first if second == "twice" else second])
    with pytest.raises(ValueError, match="loss"):
        NeuralNetwork([first], "no such loss")
    assert np.array_equal(first.weights, weights)
    assert NeuralNetwork([first]).layers == [first]


def test_a_layer_that_does_not_fit_is_refused_and_free():
    net, bad = NeuralNetwork([DenseLayer(4, 8)], "mse"), DenseLayer(7, 3)
    refuses(lambda: net.add(bad), ValueError, ["layer 2", "of 3 units", "width 7", "Got 8"])
    assert len(net.layers) == 1
    assert NeuralNetwork([bad]).layers == [bad]
    first, good = DenseLayer(4, 8), DenseLayer(8, 3)
    refuses(lambda: NeuralNetwork([first, DenseLayer(9, 3)], "mse"), ValueError, ["layer 2", "width 9", "Got 8"])
    assert NeuralNetwork([first, good], "mse").layers == [first, good]


# --- layers by hand --------------------------------------------------------------------------------------------------
def assign(name, value):
    return lambda layer: setattr(layer, name, value)


def backward(error, rate=0.1):
    def go(layer):
        layer.forward_propagation(X.T.astype(np.float64))
        layer.backward_propagation(error, rate)

    return go


ONES = np.ones((3, 12))
BY_HAND = [
    ("weights transposed", assign("weights", np.ones((4, 3))), ValueError, ["weights", "(3, 4)", "(4, 3)"]),
    ("weights number", assign("weights", 1.0), ValueError, ["weights", "(3, 4)", "shape ()"]),
    ("weights nan", assign("weights", put(np.ones((3, 4)), (1, 2), NAN)), ValueError,
     ["weights", "finite", "nan", "row 1, column 2"]),
    ("weights inf", assign("weights", put(np.ones((3, 4)), (1, 2), INF)), ValueError, ["weights", "finite", "inf"]),
    ("weights words", assign("weights", [["a"] * 4] * 3), TypeError, ["weights", "numbers", "'a'"]),
    ("weights complex", assign("weights", np.ones((3, 4)) * 1j), TypeError, ["weights", "numbers", "complex"]),
    ("weights ragged", assign("weights", [[1, 2], [3]]), ValueError, ["weights", "one length", "[3]"]),
    ("weights None", assign("weights", None), TypeError, ["weights", "None"]),
    ("biases in a row", assign("biases", np.ones((1, 3))), ValueError, ["biases", "(3, 1)", "(1, 3)"]),
    ("biases long", assign("biases", np.ones(4)), ValueError, ["biases", "(3, 1)", "(4,)"]),
    ("biases nan", assign("biases", [0, NAN, 0]), ValueError, ["biases", "finite", "nan", "row 1"]),
    ("biases text", assign("biases", "zeros"), TypeError, ["biases", "numbers", "'zeros'"]),
    ("forward one-dimensional", lambda layer: layer.forward_propagation(X[0]), ValueError,
     ["input of DenseLayer of 3 units", "(features, batch)", "(4,)"]),
    ("forward rows", lambda layer: layer.forward_propagation(X), ValueError, ["of 3 units", "width 4", "12"]),
    ("forward words", lambda layer: layer.forward_propagation([["a"] * 2] * 4), TypeError, ["of 3 units", "'a'"]),
    ("forward complex", lambda layer: layer.forward_propagation(X.T * 1j), TypeError, ["of 3 units", "complex"]),
    ("backward first", lambda layer: layer.backward_propagation(ONES, 0.1), ValueError,
     ["of 3 units", "forward_propagation before backward_propagation"]),
    ("backward shape", backward(ONES.T), ValueError, ["output_error", "(3, 12)", "(12, 3)"]),
    ("backward nan", backward(put(ONES, (2, 5), NAN)), ValueError, ["output_error", "nan", "row 2, column 5"]),
    ("backward words", backward([["a"]]), TypeError, ["output_error", "numbers", "'a'"]),
    ("backward rate -1", backward(ONES, -1), ValueError, ["learning_rate", "at least 0", "-1"]),
    ("backward rate nan", backward(ONES, NAN), ValueError, ["learning_rate", "finite", "nan"]),
    ("backward rate text", backward(ONES, "x"), TypeError, ["learning_rate", "'x'"]),
    ("backward rate True", backward(ONES, True), TypeError, ["learning_rate", "True"]),
    ("backward too far", backward(ONES * 1e300, 1e300), ValueError, ["learning_rate 1e+300", "inf"]),
]  # fmt: skip


@pytest.mark.parametrize("where", ["alone", "in a network"])
@pytest.mark.parametrize(("bad", "exception", "words"), [pytest.param(*row, id=label) for label, *row in BY_HAND])
def test_bad_use_by_hand(bad, exception, words, where):
    layer = DenseLayer(4, 3, "sigmoid", bias_init="random", random_state=2)
    if where == "in a network":
        NeuralNetwork([layer], "mse", dtype="float64", random_state=2).fit(X, ONE_HOT, epochs=1, verbose=0)
    before = layer.weights.copy(), layer.biases.copy()
    refuses(lambda: bad(layer), exception, words)
    assert all(map(np.array_equal, (layer.weights, layer.biases), before))


def test_no_biases_to_assign():
    layer = DenseLayer(4, 3, bias=False)
    refuses(lambda: setattr(layer, "biases", np.ones((3, 1))), ValueError, ["biases", "bias=False", "of 3 units"])
    assert np.array_equal(layer.biases, 0)


def test_weights_beyond_the_range_of_the_network():
    net = KINDS["four"][0]()
    fit(net, "four")
    before = net.params.tobytes()
    refuses(
        lambda: setattr(net.layers[0], "weights", np.full((5, 4), 1e300)), ValueError, ["weights", "float32", "1e+300"]
    )
    assert net.params.tobytes() == before


# --- damaged files ---------------------------------------------------------------------------------------------------
def idx(kind=8, shape=(2, 3), data=b"\1\2\3\4\5\6"):
    return bytes([0, 0, kind, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + data


FILES = [
    ("empty", datasets.read_idx, b"", ["an IDX file", "b''"]),
    ("another magic", datasets.read_idx, b"PK\3\4" + idx(), ["an IDX file", "PK"]),
    ("another type", datasets.read_idx, idx(kind=7), ["a known type", r"\x07"]),
    ("no dimensions", datasets.read_idx, idx(shape=()), ["dimensions", r"\x00"]),
    ("short header", datasets.read_idx, idx()[:9], ["2 dimensions", "end of the file"]),
    ("short", datasets.read_idx, idx()[:-1], ["18 bytes", "(2, 3)", "17"]),
    ("long", datasets.read_idx, idx() + b"\0", ["18 bytes", "(2, 3)", "more"]),
    ("wrong count", datasets.read_idx, idx(shape=(3, 3)), ["21 bytes", "(3, 3)", "18"]),
    ("huge count", datasets.read_idx, idx(shape=(2**32 - 1, 2**31)), ["(4294967295, 2147483648)", "18"]),
    ("zero count", datasets.read_idx, idx(shape=(0, 3), data=b""), ["shape", "(0, 3)"]),
    ("broken gzip", datasets.read_idx, b"\x1f\x8b\x08" + bytes(9), ["gzip"]),
    ("csv empty", datasets.read_csv_images, b"", ["line 1", "'label'", "''"]),
    ("csv no label", datasets.read_csv_images, b"a,b\n1,2\n", ["line 1", "'label'", "a,b"]),
    ("csv no rows", datasets.read_csv_images, b"label,p\n", ["a line for each image"]),
    ("csv pixel 256", datasets.read_csv_images, b"label,p\n1,256\n", ["line 2", "'p'", "255", "'256'"]),
    ("csv pixel text", datasets.read_csv_images, b"label,p\n1,2\n1,x\n", ["line 3", "'p'", "'x'"]),
    ("csv short line", datasets.read_csv_images, b"label,p\n1,2\n1\n", ["line 3", "2 numbers", "Got 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("read", "data", "words"), [pytest.param(*row, id=label) for label, *row in FILES])
def test_damaged_files(read, data, words, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    refuses(lambda: read(path), ModelFileError, [str(path), *words])


def test_a_metric_of_probabilities_is_refused_for_values_before_the_first_epoch():
    refuses_and_keeps(
        "linear", lambda net: fit(net, "linear", metrics="log_loss"), ValueError, ["metric log_loss", "labels"]
    )
