import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from modelward.core.errors import ConfigError, StateError
from modelward.core.testing import check_settings
from modelward.validation.models import GaussianProcess, Prediction, Surrogate
from modelward.validation.models.matern import JITTER, Kernel, negative_log_likelihood

KERNEL = Kernel(np.array([0.3, 0.7, 2.0]), signal=1.7, noise=1e-3)


def differences(x):
    return np.square(x.T[:, :, None] - x.T[:, None, :]).reshape(x.shape[1], -1)


def oracle(kernel):
    matern = ConstantKernel(kernel.signal) * Matern(kernel.lengths, nu=2.5)
    noise = kernel.noise + JITTER * kernel.signal
    return GaussianProcessRegressor(matern, alpha=noise, optimizer=None)


def data(n, d=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, d))
    return x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + 0.01 * rng.normal(size=n)


def fixed(kernel, x, y):
    """A process that conditions on the data with given hyper-parameters."""
    model = GaussianProcess()
    model.restore({**model.state(), "theta": kernel.theta.tolist(), "optimised_at": len(y)})
    model.fit(x, y, seed=0)
    return model


@pytest.mark.parametrize("n", [1, 2, 40])
def test_posterior_equals_scikit_learns(n):
    x, y = data(n)
    new, _ = data(100, seed=1)
    offset, scale = y.mean(), (y.std() if n > 1 else 1.0)
    mean, sd = oracle(KERNEL).fit(x, (y - offset) / scale).predict(new, return_std=True)
    model = fixed(KERNEL, x, y)
    ours = model.predict(new)
    size = model._scale  # predictions are in units of it
    np.testing.assert_allclose(size * ours.mean, offset + scale * mean, atol=1e-6)
    np.testing.assert_allclose(size * ours.sd, scale * sd, atol=1e-6)
    assert size**2 * ours.noise == pytest.approx(scale**2 * KERNEL.noise)


def test_likelihood_equals_the_density_of_the_normal_law():
    x, y = data(25)
    squares = differences(x)
    value, _ = negative_log_likelihood(KERNEL.theta, squares, y)
    noise = KERNEL.noise + JITTER * KERNEL.signal
    covariance = KERNEL(x, x) + noise * np.eye(25)
    assert value == pytest.approx(-multivariate_normal(np.zeros(25), covariance).logpdf(y))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_gradient_equals_finite_differences(seed, d):
    rng = np.random.default_rng(seed)
    x, y = rng.random((15, d)), rng.normal(size=15)
    squares = differences(x)
    theta = np.concatenate([rng.uniform(-2, 1, d), rng.uniform(-1, 1, 1), rng.uniform(-5, -1, 1)])

    def value(t):
        return negative_log_likelihood(t, squares, y)[0]

    _, gradient = negative_log_likelihood(theta, squares, y)
    np.testing.assert_allclose(gradient, approx_fprime(theta, value, 1e-6), rtol=1e-3, atol=1e-3)


def test_the_search_beats_every_start_and_finds_the_idle_feature():
    x, _ = data(60)
    y = np.sin(6 * x[:, 0])
    model = GaussianProcess()
    model.fit(x, y, seed=0)
    squares = differences(x)
    scaled = (y - y.mean()) / y.std()
    best, _ = negative_log_likelihood(model.kernel.theta, squares, scaled)
    assert best < negative_log_likelihood(Kernel(np.full(3, 0.5)).theta, squares, scaled)[0]
    assert model.kernel.lengths[0] < 0.2 * model.kernel.lengths[1:].min()
    peer = oracle(Kernel(np.full(3, 0.5), noise=model.kernel.noise))
    peer.set_params(optimizer="fmin_l_bfgs_b", n_restarts_optimizer=3, random_state=0)
    peer.kernel.k2.set_params(length_scale_bounds=(0.02, 20.0))
    peer.kernel.k1.set_params(constant_value_bounds=(1e-2, 1e3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of lengths at their bound
        peer.fit(x, scaled)
    # Ours maximises likelihood times prior, so it may give way a little to the prior.
    assert best <= -peer.log_marginal_likelihood_value_ + 3.0


def test_hyper_parameters_are_sought_on_a_schedule():
    x, y = data(60)
    model, found = GaussianProcess(growth=1.5), []
    for n in range(10, 61):
        model.fit(x[:n], y[:n], seed=0)
        if not found or found[-1] is not model.kernel:
            found.append(model.kernel)
    assert len(found) == 5  # at 10, 15, 23, 35 and 53 results


def test_same_seed_same_model_and_state_restores_it():
    x, y = data(30)
    models = [GaussianProcess(), GaussianProcess(), GaussianProcess()]
    for model in models[:2]:
        model.fit(x, y, seed=4)
    models[2].restore(models[0].state())
    models[2].fit(x, y, seed=4)
    assert models[0].state() == models[1].state() == models[2].state()
    new, _ = data(9, seed=2)
    means = [model.predict(new).mean for model in models]
    np.testing.assert_array_equal(means[0], means[1])
    np.testing.assert_allclose(means[0], means[2], rtol=1e-12, atol=1e-12)


def test_a_belief_conditions_on_one_point_after_another():
    """Row by row it must equal a process that is conditioned anew on all of them."""
    x, y = data(20)
    model = fixed(KERNEL, x, y)
    new, asked = data(30, seed=3)[0], np.random.default_rng(4).random((5, 3))
    belief = model.believe(new)
    np.testing.assert_allclose(belief.prediction.sd, model.predict(new).sd, rtol=1e-9)
    for point in asked:
        belief.observe(point)
    together = np.vstack([x, asked])
    anew = fixed(KERNEL, together, np.concatenate([y, np.zeros(5)]))
    shrunk = anew.predict(new).sd / anew._spread * model._spread
    np.testing.assert_allclose(belief.prediction.sd, shrunk, rtol=1e-6)
    np.testing.assert_allclose(belief.prediction.mean, model.predict(new).mean, atol=1e-12)


def test_many_results_are_thinned_near_the_limit():
    x, _ = data(600)
    margin = x[:, 0] - 0.5
    model = GaussianProcess(most=60, active=100)
    model.fit(x, margin, seed=0)
    assert len(model._x) == 100
    nearest = x[np.argsort(np.abs(margin))[:50]]
    assert {tuple(row) for row in nearest} <= {tuple(row) for row in model._x}
    new, _ = data(200, seed=5)
    assert ((model.predict(new).mean < 0) == (new[:, 0] < 0.5)).mean() > 0.98


def test_with_many_columns_one_length_serves_all():
    rng = np.random.default_rng(0)
    x = rng.random((60, 200))
    model = GaussianProcess()
    model.fit(x, x[:, 0] - 0.5, seed=0)
    assert len(set(model.kernel.lengths)) == 1


def test_p_fail_is_the_normal_law_with_the_noise_of_a_run():
    prediction = Prediction(np.array([-1.0, 0.5]), np.array([0.3, 0.4]), noise=0.09)
    expected = norm.cdf([1.0, -0.5], scale=np.sqrt([0.18, 0.25]))
    np.testing.assert_allclose(prediction.p_fail(), expected, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e9])
def test_a_constant_margin_is_learnt_without_a_warning(value):
    x, _ = data(12)
    model = GaussianProcess()
    model.fit(x, np.full(12, value), seed=0)
    np.testing.assert_allclose(model._scale * model.predict(x).mean, value)


def test_doubled_points_do_not_break_the_factor():
    x, y = data(10)
    model = GaussianProcess()
    model.fit(np.vstack([x, x, x]), np.concatenate([y, y, y]), seed=0)
    assert np.isfinite(model.predict(x).mean).all()


def test_settings_show_in_the_repr_and_mistakes_are_named():
    check_settings(GaussianProcess)
    assert isinstance(GaussianProcess(), Surrogate)
    assert repr(GaussianProcess(reach=2.0)) == "GaussianProcess(squash=0.0, reach=2.0, growth=1.25)"
    with pytest.raises(ConfigError, match="expected squash >= 0, reach > 0, growth > 1"):
        GaussianProcess(growth=1)
    with pytest.raises(StateError, match="expected a fitted Gaussian process"):
        GaussianProcess().predict(np.zeros((1, 1)))
