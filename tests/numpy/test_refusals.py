"""What a newcomer tried and what was read wrongly once: refused, or read right."""

import operator

import numpy as np
import pytest

import lazygrad as lg


def test_a_matrix_is_refused() -> None:
    x = lg.parameter(np.eye(2))
    with pytest.raises(TypeError, match=r"np\.matrix"), pytest.warns(PendingDeprecationWarning):
        x * np.matrix([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("dtype", [object, "datetime64[s]", str])
def test_no_way_to_other_dtypes(dtype: type) -> None:
    with pytest.raises(TypeError, match="only bool, int, float and complex"):
        lg.parameter([1.0, 2.0]).astype(dtype)


@pytest.mark.parametrize("cotangent", [[1j, 2.0], np.array([1.0, 2.0], object), ["a", "b"]])
def test_a_cotangent_is_real(cotangent: object) -> None:
    x = lg.parameter([1.0, 2.0])
    with pytest.raises(TypeError, match="numbers that its dtype can hold"):
        lg.gradient(x * 2, x, cotangent=cotangent)


def test_a_name_of_two_nodes_is_refused_and_names_work_anywhere() -> None:
    x, y = lg.parameter([1.0, 2.0], name="a"), lg.parameter(2.0, name="a")
    L = (x * y).sum()
    with pytest.raises(KeyError, match="2 nodes are named 'a'"):
        lg.gradient(L, "a")
    y.name = "b"
    assert lg.gradient(L, {"first": ("a",), "second": "b"})["second"] == 3.0
    with pytest.raises(TypeError, match="must be a string"):
        lg.parameter(1.0, np.float32)  # type: ignore[arg-type]


def test_statics_are_not_the_callers_list() -> None:
    x = lg.parameter(np.arange(6.0).reshape(2, 3))
    for shape in ([3, 2], np.array([3, 2])):
        for y in (x.reshape(shape), np.reshape(x, shape), np.broadcast_to(lg.parameter(np.ones(2)), shape)):
            shape[0], shape[1] = 1, 6
            assert y.shape == y.value.shape == (3, 2)
            shape[0], shape[1] = 3, 2


def test_class_numbers_are_no_distribution() -> None:
    scores = lg.parameter([1.0, 2.0, 3.0])
    with pytest.raises(lg.ShapeError, match="one-hot"):
        lg.ops.cross_entropy(scores, [0, 1, 2])
    one_hot, number = lg.ops.cross_entropy(scores, [0, 1, 0]), lg.ops.cross_entropy(scores, 1)
    assert one_hot.value == pytest.approx(number.value)


@pytest.mark.parametrize("label", [5, -1])
@pytest.mark.parametrize("loss", [lg.ops.cross_entropy, lg.ops.pick, lg.ops.svm_loss])
def test_a_label_out_of_range_is_seen_by_the_gradient_too(loss: object, label: int) -> None:
    """The loss itself is never evaluated, so the rule must look."""
    x = lg.parameter([[1.0, 2.0]])
    with pytest.raises(IndexError, match=r"labels must lie in 0\.\.1"):
        lg.gradient(loss(x, lg.constant([label])).sum(), x)  # type: ignore[operator]


def test_a_setting_of_a_reduction_of_arrays_is_no_node():
    with pytest.raises(TypeError, match=r"np\.add\.reduce on nodes does not take where="):
        np.add.reduce(np.ones(2), where=lg.constant([True, False]))


@pytest.mark.parametrize("read", [int, operator.index, np.array], ids=["int", "index", "array"])
def test_floats_are_not_read_inside_a_transform(read):
    with pytest.raises(TypeError, match="would cut it off from its graph"):
        lg.grad(lambda x: x * read(x))(2.5)
