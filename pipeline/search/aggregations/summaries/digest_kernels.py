"""Centroids of values: by taking one value after another, and by joining neighbours of sorted ones."""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,no-any-return,index,call-overload"

import math

import numpy as np

from pipeline.kernels.arrays import F64Array
from pipeline.kernels.compile import kernel

CROWDED = 20  # so many centroids for each unit of compression are too many


@kernel
def weighted_average(a: float, a_weight: float, b: float, b_weight: float) -> float:
    """The mean of two numbers with weights, never outside of them."""
    if a > b:
        a, a_weight, b, b_weight = b, b_weight, a, a_weight
    return max(a, min((a * a_weight + b * b_weight) / (a_weight + b_weight), b))


@kernel
def take_value(
    value: float, weight: float, total: float, compression: float, means: F64Array, weights: F64Array, size: int
) -> int:
    """Put a value into the centroids: into the nearest one that has room, else as one of its own. Returns how many there are."""
    at = np.int64(np.searchsorted(means[:size], value, side="right"))
    start = max(at - 1, 0)
    nearest = np.inf
    end = size
    for i in range(start, size):
        distance = abs(means[i] - value)
        if distance < nearest:
            start = i
            nearest = distance
        elif distance > nearest:
            end = i
            break
    before = 0.0
    for i in range(start):
        before += weights[i]
    for i in range(start, end):
        share = 0.5 if total == 1 else (before + (weights[i] - 1) / 2) / (total - 1)
        before += weights[i]
        if weights[i] + weight > 4 * total * share * (1 - share) / compression:
            continue
        mean, sums = weighted_average(means[i], weights[i], value, weight), weights[i] + weight
        while i + 1 < size and means[i + 1] <= mean:
            means[i], weights[i] = means[i + 1], weights[i + 1]
            i += 1
        while i > 0 and means[i - 1] > mean:
            means[i], weights[i] = means[i - 1], weights[i - 1]
            i -= 1
        means[i], weights[i] = mean, sums
        return size
    for i in range(size, at, -1):
        means[i], weights[i] = means[i - 1], weights[i - 1]
    means[at], weights[at] = value, weight
    return size + 1


@kernel
def take_values(values: F64Array, given: F64Array, compression: float, means: F64Array, weights: F64Array) -> int:
    """The centroids of values with weights, taken in this order; returns how many there are. Room for all values, or for the crowd.

    Where there are too many centroids, as of values that ascend, these are taken anew, in an order that is as good as any by chance.
    """
    size = 0
    total = 0.0
    most = np.int64(CROWDED * compression)
    for i in range(values.shape[0]):
        size = take_value(values[i], given[i], total, compression, means, weights, size)
        total += given[i]
        if size > most:
            crowd_means, crowd_weights = means[:size].copy(), weights[:size].copy()
            count = size
            step = np.int64(count * 0.6180339887498949)
            while np.gcd(step, count) != 1:
                step += 1
            size = 0
            again = 0.0
            place = np.int64(0)
            for _ in range(count):
                size = take_value(crowd_means[place], crowd_weights[place], again, compression, means, weights, size)
                again += crowd_weights[place]
                place = (place + step) % count
    return size


@kernel
def join_centroids(means: F64Array, weights: F64Array, compression: float, joined: F64Array, sums: F64Array) -> int:
    """Neighbours joined while a centroid spans at most 1 of the scale k(q) = compression / (2 pi) * asin(2 q - 1); returns how many are left.

    Means ascend. Joined means and their weights go to the last two arrays, of the length of the first two.
    """
    total = 0.0
    for i in range(weights.shape[0]):
        total += weights[i]
    scale = compression / (2 * math.pi)
    count = 0
    before = 0.0  # the weight of the centroids that are done
    mean, weight = means[0], weights[0]
    limit = total * 0.5 * (math.sin(min(math.pi / 2, (scale * math.asin(-1.0) + 1) / scale)) + 1)
    for i in range(1, means.shape[0]):
        if before + weight + weights[i] <= limit:
            weight += weights[i]
            mean += (means[i] - mean) * weights[i] / weight
            continue
        joined[count], sums[count] = mean, weight
        count += 1
        before += weight
        mean, weight = means[i], weights[i]
        turned = math.asin(min(1.0, max(-1.0, 2 * before / total - 1)))
        limit = total * 0.5 * (math.sin(min(math.pi / 2, (scale * turned + 1) / scale)) + 1)
    joined[count], sums[count] = mean, weight
    return count + 1
