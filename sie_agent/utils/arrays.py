"""The kinds of NumPy arrays that annotations name."""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.intp]
Booleans = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
