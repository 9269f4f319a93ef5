"""The tail laws of the tests, for independent rows and for rows that hang together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def kolmogorov_tail(reach: Floats, degrees: Floats | None = None) -> Floats:
    """Give the chance of a Kolmogorov distance of at least `reach`, `sqrt(nm / (n + m)) D`.

    With `degrees`, the number of rows in it was itself estimated, with so many degrees of freedom:
    the reach is then that of Kolmogorov's law over the root of an independent chi-square divided by
    its degrees, as Student's is of the normal law. Its tail is at most the first term of that law's
    series averaged over the chi-square, `2 (1 + 4 reach^2 / degrees) ^ (-degrees / 2)`.

    >>> kolmogorov_tail(np.array([1.0])).round(4).tolist()
    [0.27]
    >>> kolmogorov_tail(np.array([2.0]), np.array([38.0])).round(5).tolist()
    [0.00252]
    """
    from scipy import special

    if degrees is None:
        return np.asarray(special.kolmogorov(reach), dtype=np.float64)
    sure = np.isinf(degrees)
    finite = np.where(sure, 1.0, degrees)
    student = np.minimum(1.0, 2 * np.exp(-finite / 2 * np.log1p(4 * reach**2 / finite)))
    return np.asarray(np.where(sure, special.kolmogorov(reach), student))


def chi_square_tail(value: Floats, cells: Floats, degrees: Floats | None = None) -> Floats:
    """Give the chance of a chi-square of at least `value` with `cells` degrees of freedom.

    With `degrees`, the value was divided by an estimate that has so many itself: `value / cells`
    then follows an F law (Rao and Scott 1981).

    >>> chi_square_tail(np.array([3.84]), np.array([1.0])).round(3).tolist()
    [0.05]
    """
    from scipy import special

    plain = np.asarray(special.chdtrc(cells, value), dtype=np.float64)
    if degrees is None:
        return plain
    sure = np.isinf(degrees)
    finite = np.where(sure, 1.0, degrees)
    return np.asarray(np.where(sure, plain, special.fdtrc(cells, finite, value / cells)))
