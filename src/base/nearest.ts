// "Did you mean": the known names nearest to one that is not known. For hints only; nothing is decided by it.

/** A hint that names the one or two nearest of `known`, or undefined when none is near. */
export function didYouMean(name: string, known: readonly string[]): string | undefined {
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(
      ({ candidate, distance }) => distance <= Math.max(candidate.length > 3 ? 2 : 1, candidate.length / 3),
    )
    .sort((first, second) => first.distance - second.distance)
    .map(({ candidate }) => candidate);
  return nearest.length === 0 ? undefined : `did you mean ${nearest.slice(0, 2).join(' or ')}?`;
}

/** The fewest single-character insertions, deletions, replacements and swaps of neighbours. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  let beforePrevious: readonly number[] = [];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const deleted = (previous[column] ?? 0) + 1;
      const inserted = (current[column - 1] ?? 0) + 1;
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = isSwap ? (beforePrevious[column - 2] ?? row) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(replaced, deleted, inserted, swapped));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}
