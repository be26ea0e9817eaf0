"""What a line counts: how many telegrams of which type came to what, and how long answers took. Never whose."""

from bisect import bisect_left
from collections import Counter

#: Upper bounds in seconds, as Prometheus wants them.
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 2.0)


class Meters:
    """The counts of this process."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._levels: dict[tuple[str, str], float] = {}
        self._took: dict[str, list[int]] = {}
        self._took_s: Counter[str] = Counter()

    def count(self, network: str, name: str, of: str = "") -> None:
        """Count one thing that happened on a line; `of` is one of few words, such as a type or a code."""
        self._counts[name, network, of] += 1

    def counted(self, network: str, name: str, of: str = "") -> int:
        """Say how often it happened."""
        return self._counts[name, network, of]

    def level(self, network: str, name: str, value: float) -> None:
        """Note how much of something there is now."""
        self._levels[name, network] = value

    def took(self, network: str, seconds: float) -> None:
        """Note how long an answer took, from the last byte of the question to the first of the answer."""
        self._took.setdefault(network, [0] * (len(_BOUNDS) + 1))[bisect_left(_BOUNDS, seconds)] += 1
        self._took_s[network] += seconds  # type: ignore[assignment]  # a Counter adds up fractions as well

    def text(self) -> str:
        """Write them as Prometheus reads them."""
        lines = [
            f'eresidency_link_{name}_total{{network="{network}",of="{of}"}} {count}'
            for (name, network, of), count in sorted(self._counts.items())
        ]
        lines += [
            f'eresidency_link_{name}{{network="{network}"}} {value:g}'
            for (name, network), value in sorted(self._levels.items())
        ]
        for network, buckets in sorted(self._took.items()):
            lines += self._histogram(network, buckets)
        return "\n".join(lines) + "\n"

    def _histogram(self, network: str, buckets: list[int]) -> list[str]:
        name, so_far, lines = "eresidency_link_answer_seconds", 0, []
        for bound, count in zip((*_BOUNDS, float("inf")), buckets, strict=True):
            so_far += count
            shown = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'{name}_bucket{{network="{network}",le="{shown}"}} {so_far}')
        total = float(self._took_s[network])
        return [
            *lines,
            f'{name}_sum{{network="{network}"}} {total:.6f}',
            f'{name}_count{{network="{network}"}} {so_far}',
        ]
