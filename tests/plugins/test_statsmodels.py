"""statsmodels' maximum likelihood with derivatives from lazygrad."""

import pickle

import numpy as np
import pytest

pytest.importorskip("statsmodels")

import statsmodels.api as sm
from statsmodels.base.model import GenericLikelihoodModel as Numeric

import lazygrad as lg
from lazygrad.plugins.statsmodels import GenericLikelihoodModel

RNG = np.random.default_rng(0)
EXOG = sm.add_constant(RNG.normal(size=(200, 2)))
ENDOG = RNG.poisson(np.exp(EXOG @ [0.5, 0.3, -0.4])).astype(float)
EXPECTED = sm.Poisson(ENDOG, EXOG).fit(disp=0)


class Likelihood:
    def loglikeobs(self, params):
        eta = self.exog @ params
        return self.endog * eta - np.exp(eta)


class Poisson(Likelihood, GenericLikelihoodModel):
    pass


class ByDifferences(Likelihood, Numeric):
    pass


class OfAll(GenericLikelihoodModel):
    def loglike(self, params):
        eta = self.exog @ params
        return np.sum(self.endog * eta - np.exp(eta))


class Negative(GenericLikelihoodModel):
    def nloglikeobs(self, params):
        eta = self.exog @ params
        return np.exp(eta) - self.endog * eta


@pytest.mark.parametrize("kind", [Poisson, OfAll, Negative])
@pytest.mark.parametrize("method", ["newton", "bfgs", "lbfgs", "ncg", "nm", "minimize"])
def test_fits_agree_with_the_model_written_by_hand(kind, method):
    fit = kind(ENDOG, EXOG).fit(start_params=np.zeros(3), method=method, disp=0)
    np.testing.assert_allclose(fit.params, EXPECTED.params, atol=1e-3)
    np.testing.assert_allclose(fit.bse, EXPECTED.bse, rtol=1e-3)
    assert fit.mle_retvals["converged"]
    assert "const" in str(fit.summary())


@pytest.mark.parametrize("kind", [Poisson, OfAll, Negative])
def test_a_fit_asks_the_score_unless_told_another_method(kind):
    class Watched(kind):
        def score(self, params):
            asked.append(np.array(params))
            return super().score(params)

    asked = []
    fit = Watched(ENDOG, EXOG).fit(disp=0)
    np.testing.assert_allclose(fit.params, EXPECTED.params, atol=1e-4)
    np.testing.assert_allclose(fit.bse, EXPECTED.bse, rtol=1e-3)
    assert fit.mle_settings["optimizer"] == "bfgs"
    assert fit.mle_retvals["converged"]
    assert len(asked) > 3
    mean, _, estimates = fit.bootstrap(nrep=3, rng=0)
    assert estimates.shape == (3, 3)
    np.testing.assert_allclose(mean, EXPECTED.params, atol=0.3)
    assert len(asked) > 20
    asked.clear()
    for given in ({"method": "nm"}, {"method": "powell"}):
        fit = Watched(ENDOG, EXOG).fit(np.zeros(3), **given, disp=0)
        assert fit.mle_settings["optimizer"] == given["method"]
        np.testing.assert_allclose(fit.params, EXPECTED.params, atol=1e-3)
    assert Watched(ENDOG, EXOG).fit(np.zeros(3), "nm", 500, 1, 0).mle_settings["optimizer"] == "nm"
    assert not asked


def test_another_number_of_parameters_is_another_objective():
    class Square(GenericLikelihoodModel):
        def loglike(self, params):
            return -np.sum(params**2)

    model = Square(ENDOG, EXOG)
    for n in (2, 3, 2):
        np.testing.assert_allclose(model.score(np.ones(n)), -2 * np.ones(n))
        np.testing.assert_allclose(model.hessian(np.ones(n)), -2 * np.eye(n))


def test_derivatives():
    model, native = Poisson(ENDOG, EXOG), sm.Poisson(ENDOG, EXOG)
    at = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(model.score(at), native.score(at))
    np.testing.assert_allclose(model.hessian(at), native.hessian(at))
    np.testing.assert_allclose(model.score_obs(at), native.score_obs(at))
    np.testing.assert_allclose(model.score_obs(at).sum(axis=0), model.score(at))
    robust = model.fit(start_params=np.zeros(3), method="bfgs", disp=0, cov_type="HC0")
    np.testing.assert_allclose(robust.bse, native.fit(disp=0, cov_type="HC0").bse, rtol=1e-3)


def test_value_score_and_hessian_at_a_point_are_one_evaluation():
    model = Poisson(ENDOG, EXOG)
    model.fit(start_params=np.zeros(3), method="newton", disp=0)
    statistics = model._derived["loglike"].statistics
    assert statistics.evaluations["value"] <= statistics.points.misses < statistics.points.hits
    assert statistics.schedules == 1


def test_fewer_evaluations_than_by_differences():
    counts = {}
    for kind in (Poisson, ByDifferences):
        calls = []

        class Counted(kind):
            def loglikeobs(self, params, calls=calls):
                calls.append(1)
                return super().loglikeobs(params)

        Counted(ENDOG, EXOG).fit(start_params=np.zeros(3), method="bfgs", disp=0)
        counts[kind] = len(calls)
    assert counts[Poisson] <= 2  # it is traced, once
    assert counts[ByDifferences] > 50


def test_what_one_overrides_counts_and_results_can_be_pickled():
    class Own(Poisson):
        def score(self, params):
            return np.full(3, 7.0)

    assert Own(ENDOG, EXOG).score(np.zeros(3)).tolist() == [7, 7, 7]
    model = Poisson(ENDOG, EXOG)
    fit = model.fit(start_params=np.zeros(3), method="bfgs", disp=0)
    again = pickle.loads(pickle.dumps(fit))
    np.testing.assert_array_equal(again.params, fit.params)
    np.testing.assert_array_equal(again.model.score(fit.params), model.score(fit.params))


def test_the_users_exception_comes_out_as_itself():
    @lg.primitive(vjp=lambda g, x: g, shape="elementwise")
    def picky(x):
        if x.shape == (3,) and np.any(x > 0.1):
            raise ZeroDivisionError("mine")
        return x * 1.0

    class Broken(GenericLikelihoodModel):
        def loglikeobs(self, params):
            eta = self.exog @ picky(params)
            return self.endog * eta - np.exp(eta)

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        Broken(ENDOG, EXOG).fit(start_params=np.zeros(3), method="newton", disp=0)
    assert any("picky" in note for note in caught.value.__notes__)
