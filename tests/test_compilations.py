"""A graph compiled while a round is timed fails the case; where nobody compiles, counting imports nothing."""

import subprocess
import sys

import msgspec
import pytest

from fixtures.compilations import graphs_compiled, judge_compilations
from tests.reports_samples import planned


def test_each_new_shape_counts_and_a_known_one_does_not() -> None:
    """The count moves with torch.compile, once a shape."""
    import torch  # here, so that collecting this file does not load it

    compiled = torch.compile(lambda values: values + 1, dynamic=False, backend="eager")
    counts = [graphs_compiled()]
    for size in (2, 2, 3):
        compiled(torch.zeros(size))
        counts.append(graphs_compiled() - counts[0])
    assert counts[1:] == [1, 1, 2]


def test_counting_imports_no_torch() -> None:
    """Cases of models that do not use torch are counted too: 0."""
    code = "import sys, fixtures.compilations as c; assert c.graphs_compiled() == 0; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_graph_compiled_while_timing_fails_with_its_number() -> None:
    """One graph is too many; a case that does not warm up compiles in its only round."""
    case = msgspec.structs.replace(planned(), warmup=True)
    judge_compilations(case, 0)
    with pytest.raises(pytest.fail.Exception, match=r"1 graphs were compiled while 3 rounds were timed, allowed are 0"):
        judge_compilations(case, 1)
    judge_compilations(msgspec.structs.replace(case, warmup=False), 1)
