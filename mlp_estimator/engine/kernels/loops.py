"""The loop forms: each pass reads and writes its memory once. ``vectorised.py`` says what it computes.

Arrays with gaps, and orders of memory that differ, take the NumPy form. Exponentials of many classes are NumPy's, which
has them as SIMD.
"""

from __future__ import annotations

import math

import numpy as np

from . import vectorised
from .compiler import alike, gapless, line, loop, loop_or, of, part, row, table


def adam(grad, mean, square, numbers):
    _adam(grad, mean, square, table(numbers, grad))


@loop
def _adam(grad, mean, square, numbers):
    for m in range(len(grad)):
        beta_1, beta_2, epsilon, scale = numbers[m, 0], numbers[m, 1], numbers[m, 2], numbers[m, 3]
        g, first, second = row(grad[m]), row(mean[m]), row(square[m])
        for j in range(g.size):
            mu = beta_1 * first[j] + g[j]
            v = beta_2 * second[j] + g[j] * g[j]
            first[j], second[j] = mu, v
            g[j] = mu / (np.sqrt(v) + epsilon) * scale


BLOCK = 2048
"""Parameters whose four arrays stay in the first cache while one short loop after the other runs over them."""


def move(theta, step, rates, numbers, scaled, averaged):
    n_decayed = 0 if scaled is None else scaled.shape[1]
    _move(theta, step, rates, table(numbers, theta), n_decayed, averaged)


@loop
def _move(theta, step, rates, numbers, n_decayed, averaged):
    for m in range(len(theta)):
        decay, memory = numbers[m, 0], numbers[m, 1]
        for start in range(0, theta.shape[1], BLOCK):
            at, s = row(theta[m, start : start + BLOCK]), row(step[m, start : start + BLOCK])
            if rates is not None:
                factors = rates[start : start + BLOCK]
                for j in range(at.size):
                    s[j] *= factors[j]
            if start < n_decayed:
                W = at[: n_decayed - start]
                for j in range(W.size):
                    s[j] -= decay * W[j]
            for j in range(at.size):
                at[j] += s[j]
            if averaged is not None:
                average = row(averaged[m, start : start + BLOCK])
                for j in range(at.size):
                    average[j] = at[j] + memory * (average[j] - at[j])


def penalise(theta, grad, scale, scaled):
    return _penalise(theta, grad, table((scale,), theta), scaled.shape[1])


@loop
def _penalise(theta, grad, numbers, n_decayed):
    norms = np.empty(len(theta), theta.dtype)
    for m in range(len(theta)):
        scale, norm = numbers[m, 0], theta.dtype.type(0)
        W, dW = row(theta[m, :n_decayed]), row(grad[m])
        for j in range(W.size):
            dW[j] += scale * W[j]
            norm += W[j] * W[j]
        norms[m] = norm
    return norms


@loop_or(vectorised.add_bias)
def add_bias(out, b):
    by_samples = out.strides[1] == out.itemsize and b.strides[1] == b.itemsize
    if not by_samples and out.strides[2] != out.itemsize:
        return False
    for m in range(len(out)):
        if by_samples:
            bias = row(b[m, :, 0])
            for j in range(out.shape[2]):
                sample = row(out[m, :, j])
                for i in range(sample.size):
                    sample[i] += bias[i]
        else:
            for i in range(out.shape[1]):
                feature = row(out[m, i])
                for j in range(feature.size):
                    feature[j] += b[m, i, 0]
    return True


@loop_or(vectorised.sum_over_batch)
def sum_over_batch(terms, out):
    by_samples = terms.strides[1] == terms.itemsize and out.strides[1] == out.itemsize
    if not by_samples and terms.strides[2] != terms.itemsize:
        return False
    for m in range(len(terms)):
        if by_samples:
            total = row(out[m, :, 0])
            total[:] = 0
            for j in range(terms.shape[2]):
                sample = row(terms[m, :, j])
                for i in range(total.size):
                    total[i] += sample[i]
        else:
            for i in range(terms.shape[1]):
                feature, summed = row(terms[m, i]), terms.dtype.type(0)
                for j in range(feature.size):
                    summed += feature[j]
                out[m, i, 0] = summed
    return True


def relu(z, out):
    # check_activation calls activations with arrays of other shapes.
    (z.ndim == 3 and _relu(z, out)) or vectorised.relu(z, out)


@loop
def _relu(z, out):
    if not alike(z, z, out):
        return False
    zero, in_place = z.dtype.type(0), z.ctypes.data == out.ctypes.data
    for m in range(len(out)):
        a = line(out, m)
        if not in_place:
            a[:] = line(z, of(z, m))
        for j in range(a.size):  # with a second name for the same memory it would not be SIMD
            a[j] = zero if a[j] < zero else a[j]
    return True


# The loops of errors are written out: one that closes over a slope is compiled in each process, since Numba does not
# find it among the stored ones.


@loop_or(vectorised.relu_error)
def relu_error(saved, d_out, d_in, work):
    if not alike(saved, d_out, d_in):
        return False
    zero, one = saved.dtype.type(0), saved.dtype.type(1)
    for m in range(len(d_in)):
        f, d, error = line(saved, of(saved, m)), line(d_out, m), line(d_in, m)
        for j in range(error.size):
            error[j] = (one if f[j] > zero else zero) * d[j]
    return True


@loop_or(vectorised.tanh_error)
def tanh_error(saved, d_out, d_in, work):
    if not alike(saved, d_out, d_in):
        return False
    one = saved.dtype.type(1)
    for m in range(len(d_in)):
        f, d, error = line(saved, of(saved, m)), line(d_out, m), line(d_in, m)
        for j in range(error.size):
            error[j] = (one - f[j] * f[j]) * d[j]
    return True


@loop_or(vectorised.logistic_error)
def logistic_error(saved, d_out, d_in, work):
    if not alike(saved, d_out, d_in):
        return False
    one = saved.dtype.type(1)
    for m in range(len(d_in)):
        f, d, error = line(saved, of(saved, m)), line(d_out, m), line(d_in, m)
        for j in range(error.size):
            error[j] = (one - f[j]) * f[j] * d[j]
    return True


def mish(z, out):
    lowest = _exponentials(z, out)
    (z.ndim == 3 and _mish(z, out, lowest)) or vectorised.mish(z, out)


def _exponentials(z, out):
    """Write those of float64, which NumPy has as SIMD, and return from where on loops compute those of float32."""
    if z.dtype == np.float64:
        vectorised.bounded_exp(z, out)
    return z.dtype.type(vectorised.lowest_exponent(z.dtype))


@loop
def _mish(z, out, lowest):
    if not alike(z, z, out):
        return False
    two, is_single = z.dtype.type(2), z.itemsize == 4
    for m in range(len(out)):
        x, f = line(z, of(z, m)), line(out, m)
        for j in range(f.size):
            e = _exponential(x[j], lowest) if is_single else f[j]
            n = e * (e + two)
            f[j] = x[j] * n / (n + two)
    return True


def mish_error(saved, d_out, d_in, work):
    lowest = _exponentials(saved, work)
    _mish_error(saved, d_out, d_in, work, lowest) or vectorised.mish_error(saved, d_out, d_in, work)


@loop
def _mish_error(z, d_out, d_in, exponentials, lowest):
    if not alike(z, d_out, d_in) or exponentials.strides != d_in.strides:
        return False
    one, two, four, is_single = z.dtype.type(1), z.dtype.type(2), z.dtype.type(4), z.itemsize == 4
    for m in range(len(d_in)):
        x, d, known, error = line(z, of(z, m)), line(d_out, m), line(exponentials, m), line(d_in, m)
        for j in range(error.size):
            e = _exponential(x[j], lowest) if is_single else known[j]
            share = one / (e * (e + two) + two)
            error[j] = (one + (four * x[j] * e * (one + e) * share - two) * share) * d[j]
    return True


HIGHEST = np.float32(vectorised.HIGHEST_EXPONENT)
LOG2_E, LN_2, LN_2_REST = (np.float32(number) for number in (1.44269504, 0.693359375, -2.12194440e-4))
A7, A6, A5, A4, A3, A2 = (np.float32(1.0 / math.factorial(k)) for k in range(7, 1, -1))


@part
def _exponential(z, lowest):
    """Return e^z in float32, bounded, within 3e-7 of itself: 2^n times the Taylor series of the rest.

    As SIMD it takes a quarter of the time of NumPy's exponential and its bounds.
    """
    z = lowest if z < lowest else z
    z = HIGHEST if z > HIGHEST else z
    n = np.floor(z * LOG2_E + np.float32(0.5))
    rest = z - n * LN_2 - n * LN_2_REST
    series = ((((A7 * rest + A6) * rest + A5) * rest + A4) * rest + A3) * rest + A2
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return (series * rest * rest + rest + np.float32(1.0)) * power


def dropout_mask(mask, rate, scale):
    _dropout_mask(mask, table((rate, scale), mask)) or vectorised.dropout_mask(mask, rate, scale)


@loop
def _dropout_mask(mask, numbers):
    if not gapless(mask):
        return False
    zero = mask.dtype.type(0)
    for m in range(len(mask)):
        rate, scale, u = numbers[m, 0], numbers[m, 1], line(mask, m)
        for j in range(u.size):
            u[j] = scale if u[j] >= rate else zero
    return True


@loop_or(vectorised.piecewise)
def piecewise(x, features, bins, out):
    if x.strides[1] != x.itemsize or out.strides[1] != out.itemsize:
        return False
    lower, slope, low, high, mean = row(bins[0]), row(bins[1]), row(bins[2]), row(bins[3]), row(bins[4])
    for m in range(len(out)):
        for j in range(out.shape[2]):
            sample, encoded = row(x[of(x, m), :, j]), row(out[m, :, j])
            for t in range(encoded.size):
                encoded[t] = sample[features[t]]
            for t in range(encoded.size):  # without an index from memory it is SIMD
                u = (encoded[t] - lower[t]) * slope[t]
                u = low[t] if u < low[t] else u
                encoded[t] = (high[t] if u > high[t] else u) - mean[t]
    return True


COUNTED = 64  # values whose edges below are counted at a time, which is SIMD: 8 ns a value of 32 bins, 12 of 128


@loop
def places(x, bins, starts, out):
    lower, slope, low, high = row(bins[0]), row(bins[1]), row(bins[2]), row(bins[3])
    values, counts = np.zeros(COUNTED, out.dtype), np.empty(COUNTED, out.dtype)
    zero, one = out.dtype.type(0), out.dtype.type(1)
    for m in range(len(out)):
        for e in range(starts.size - 1):
            for begin in range(0, out.shape[2], COUNTED):
                size = min(COUNTED, out.shape[2] - begin)
                for i in range(size):
                    values[i] = x[m, e, begin + i]
                counts[:] = zero
                for t in range(starts[e] + 1, starts[e + 1]):
                    for i in range(COUNTED):
                        counts[i] += one if values[i] >= lower[t] else zero
                for i in range(size):
                    t = starts[e] + int(counts[i])
                    f = (values[i] - lower[t]) * slope[t]
                    f = low[t] if f < low[t] else f
                    out[m, e, begin + i] = counts[i] + (high[t] if f > high[t] else f)


def lookup(W, s, b, mean, starts, places, sums, out):
    if _running_sums(W, s, b, mean, starts, sums) and _add_rows(sums, places, starts, out):
        return
    vectorised.lookup(W, s, b, mean, starts, places, sums, out)


@loop
def _running_sums(W, s, b, mean, starts, sums):
    if W.strides[2] != W.itemsize or sums.strides[2] != sums.itemsize or b.strides[1] != b.itemsize:
        return False
    for m in range(len(sums)):
        shift = row(sums[m, sums.shape[1] - 1])
        shift[:] = row(b[of(b, m), :, 0])
        for e in range(starts.size - 1):
            for t in range(starts[e], starts[e + 1]):
                weights, total, factor = row(W[of(W, m), t]), row(sums[m, t]), s[of(s, m), t, 0]
                for i in range(total.size):
                    total[i] = factor * weights[i]
                part = weights.dtype.type(mean[t])
                for i in range(total.size):
                    shift[i] -= part * total[i]
                if t > starts[e]:
                    before = row(sums[m, t - 1])
                    for i in range(total.size):
                        total[i] += before[i]
    return True


@loop
def _add_rows(sums, places, starts, out):
    if sums.strides[2] != sums.itemsize or out.strides[1] != out.itemsize:
        return False
    n_features, zero = starts.size - 1, out.dtype.type(0)
    for m in range(len(out)):
        rows, of_m, shift = sums[m], places[of(places, m)], row(sums[m, sums.shape[1] - 1])
        for j in range(out.shape[2]):
            sample = row(out[m, :, j])
            for i in range(sample.size):
                sample[i] += shift[i]
        for e in range(0, n_features, 2):  # two at a time: 190 us for 230, 8 members of 128 samples, units, 10 features
            other = min(e + 1, n_features - 1)
            for j in range(out.shape[2]):
                g, below, f, above = _two_rows(rows, starts, e, of_m[e, j])
                g_other, below_other, f_other, above_other = _two_rows(rows, starts, other, of_m[other, j])
                if other == e:
                    g_other, f_other = zero, zero
                sample = row(out[m, :, j])
                for i in range(sample.size):
                    of_other = g_other * below_other[i] + f_other * above_other[i]
                    sample[i] += g * below[i] + f * above[i] + of_other
    return True


@part
def _two_rows(rows, starts, e, place):
    """Return the rows of a feature between which a place lies, each with its weight."""
    k = min(max(int(place), 0), starts[e + 1] - starts[e] - 1)
    f = place - rows.dtype.type(k)
    g = rows.dtype.type(1) - f if k > 0 else rows.dtype.type(0)
    return g, row(rows[starts[e] + max(k - 1, 0)]), f, row(rows[starts[e] + k])


def lookup_gradients(d_out, places, starts, mean, db, dV, work):
    if _add_to_rows(d_out, places, starts, dV) and _add_up_rows(starts, mean, db, dV):
        return
    vectorised.lookup_gradients(d_out, places, starts, mean, db, dV, work)


@loop
def _add_to_rows(d_out, places, starts, dV):
    if dV.strides[2] != dV.itemsize or d_out.strides[1] != d_out.itemsize:
        return False
    for m in range(len(dV)):
        rows, of_m = dV[m], places[of(places, m)]
        for t in range(dV.shape[1]):
            row(rows[t])[:] = 0
        for e in range(starts.size - 1):  # the rows of a feature stay in the cache
            for j in range(d_out.shape[2]):
                d = row(d_out[m, :, j])
                g, below, f, above = _two_rows(rows, starts, e, of_m[e, j])
                for i in range(d.size):
                    above[i] += f * d[i]
                if g != 0:
                    for i in range(d.size):
                        below[i] += g * d[i]
    return True


@loop
def _add_up_rows(starts, mean, db, dV):
    if db.strides[1] != db.itemsize:
        return False
    for m in range(len(dV)):
        total = row(db[m, :, 0])
        for e in range(starts.size - 1):
            for t in range(starts[e + 1] - 2, starts[e] - 1, -1):
                gradient, above = row(dV[m, t]), row(dV[m, t + 1])
                for i in range(gradient.size):
                    gradient[i] += above[i]
        for t in range(dV.shape[1]):
            gradient, part = row(dV[m, t]), dV.dtype.type(mean[t])
            for i in range(gradient.size):
                gradient[i] -= part * total[i]
    return True


@loop_or(vectorised.add_levels)
def add_levels(W, s, codes, starts, n_levels, out):
    if W.strides[2] != W.itemsize or out.strides[1] != out.itemsize:
        return False
    for m in range(len(out)):
        for j in range(out.shape[2]):
            sample = row(out[m, :, j])
            for k in range(n_levels.size):
                code = int(codes[of(codes, m), k, j])
                if code >= 0:
                    t, sign = _indicator(code, starts[k], n_levels[k])
                    weights, factor = row(W[of(W, m), t]), s.dtype.type(sign) * s[of(s, m), t, 0]
                    for i in range(sample.size):
                        sample[i] += factor * weights[i]
    return True


@loop_or(vectorised.level_gradients)
def level_gradients(d_out, codes, starts, n_levels, dV):
    if dV.strides[2] != dV.itemsize or d_out.strides[1] != d_out.itemsize:
        return False
    for m in range(len(dV)):
        for t in range(dV.shape[1]):
            row(dV[m, t])[:] = 0
        for j in range(d_out.shape[2]):
            d = row(d_out[m, :, j])
            for k in range(n_levels.size):
                code = int(codes[of(codes, m), k, j])
                if code >= 0:
                    t, sign = _indicator(code, starts[k], n_levels[k])
                    gradient, factor = row(dV[m, t]), dV.dtype.type(sign)
                    for i in range(d.size):
                        gradient[i] += factor * d[i]
    return True


@part
def _indicator(code, start, n_levels):
    """Return the row of a level and its sign: two levels share a row."""
    if n_levels == 2:
        return start, 1 if code >= 1 else -1
    return start + min(code, n_levels - 1), 1


@loop_or(vectorised.scale_gradients)
def scale_gradients(s, W, dW, ds):
    if W.strides[2] != W.itemsize or dW.strides[2] != dW.itemsize:
        return False
    for m in range(len(dW)):
        for i in range(dW.shape[1]):
            factor, weights, gradients = s[of(s, m), i, 0], row(W[of(W, m), i]), row(dW[m, i])
            total = dW.dtype.type(0)
            for o in range(gradients.size):
                total += weights[o] * gradients[o]
                gradients[o] *= factor
            ds[m, i, 0] = total
    return True


def softmax_cross_entropy(y, raw, weight, d_raw, work, smoothing):
    _shift(raw, work)
    raw.clip(vectorised.lowest_exponent(raw.dtype), 0.0, out=d_raw)
    np.exp(d_raw, out=d_raw)
    return _softmax_cross_entropy(y, raw, weight, d_raw, work, raw.dtype.type(smoothing))


@loop
def _shift(raw, work):
    for m in range(len(raw)):
        highest = work[m, 0]
        highest[:] = raw[m, 0]
        for k in range(1, raw.shape[1]):
            for j in range(raw.shape[2]):
                highest[j] = raw[m, k, j] if raw[m, k, j] > highest[j] else highest[j]
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                raw[m, k, j] -= highest[j]


@loop
def _softmax_cross_entropy(y, raw, weight, d_raw, work, smoothing):
    n_classes, one = raw.shape[1], raw.dtype.type(1)
    elsewhere = smoothing / raw.dtype.type(n_classes)
    at_class = one - smoothing + elsewhere
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value, total, codes = 0.0, work[m, 0], y[of(y, m), 0]
        total[:] = 0
        for k in range(n_classes):
            for j in range(total.size):
                total[j] += d_raw[m, k, j]
        for j in range(total.size):
            value += math.log(total[j]) if weight is None else weight[of(weight, m), 0, j] * math.log(total[j])
            total[j] = one / total[j]
        for k in range(n_classes):
            for j in range(total.size):
                hit = at_class if codes[j] == k else elsewhere
                share, gradient = hit * raw[m, k, j], d_raw[m, k, j] * total[j] - hit
                if weight is not None:
                    share *= weight[of(weight, m), 0, j]
                    gradient *= weight[of(weight, m), 0, j]
                value -= share
                d_raw[m, k, j] = gradient
        values[m] = value
    return values


def sigmoid_cross_entropy(y, raw, weight, d_raw, work):
    return _sigmoid_cross_entropy(y, raw, weight, d_raw, raw.dtype.type(vectorised.lowest_exponent(raw.dtype)))


@loop
def _sigmoid_cross_entropy(y, raw, weight, d_raw, lowest):
    one, zero = raw.dtype.type(1), raw.dtype.type(0)
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value = 0.0
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                r, t, w = raw[m, k, j], y[of(y, m), k, j], one
                if weight is not None:
                    w = weight[of(weight, m), 0, j]
                z = -abs(r)
                e = math.exp(lowest if z < lowest else z)
                value += w * ((r if r > zero else zero) + math.log1p(e) - t * r)
                d_raw[m, k, j] = w * ((one if r >= zero else e) / (one + e) - t)
        values[m] = value
    return values


@loop
def squared_error(y, raw, weight, d_raw, work):
    half = raw.dtype.type(0.5)
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value = 0.0
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                r, w = raw[m, k, j] - y[of(y, m), k, j], raw.dtype.type(1)
                if weight is not None:
                    w = weight[of(weight, m), 0, j]
                value += half * w * r * r
                d_raw[m, k, j] = w * r
        values[m] = value
    return values
