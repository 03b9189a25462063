// Principal directions of a matrix by subspace iteration, in float64: the few that a method keeps, not a whole
// decomposition. Starts from seeded numbers, so that the same matrix gives the same bytes.
import { normalArray } from '../../tensor/random.ts';

/** Row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrixOf(shape: readonly number[], data: ArrayLike<number>): Matrix {
  const [rows, columns] = shape as [number, number];
  return { rows, columns, data: Float64Array.from(data) };
}

export interface DirectionOptions {
  /** At most so many. */
  readonly most: number;
  /** Stop where they hold this share of the matrix's energy ‖M‖²; by default `most` are given. */
  readonly energy?: number;
  readonly iterations?: number;
}

/** The right singular vectors of the largest singular values, as orthonormal rows: [found, columns]. */
export function principalDirections(
  matrix: Matrix,
  { most, energy, iterations = 12 }: DirectionOptions,
): Matrix {
  const bound = Math.min(most, matrix.rows, matrix.columns);
  const whole = energyOf(matrix.data);
  if (bound <= 0 || whole === 0) return { rows: 0, columns: matrix.columns, data: new Float64Array() };
  for (let count = energy === undefined ? bound : Math.min(bound, 32); ; count = Math.min(bound, 2 * count)) {
    const { directions, energies } = iterate(matrix, count, iterations);
    let [held, found] = [0, 0];
    while (found < count && (energy === undefined || held < energy * whole))
      held += energies[found++] as number;
    if (energy === undefined || held >= energy * whole || count === bound) {
      return { ...directions, rows: found, data: directions.data.slice(0, found * matrix.columns) };
    }
  }
}

/** M − M·Uᵀ·U, for orthonormal rows U. */
export function withoutDirections(matrix: Matrix, directions: Matrix): Matrix {
  const inside = multiply(multiply(matrix, transposed(directions)), directions);
  return { ...matrix, data: matrix.data.map((value, i) => value - (inside.data[i] as number)) };
}

/** Directions one below the other. */
export function joined(first: Matrix, second: Matrix): Matrix {
  const data = new Float64Array(first.data.length + second.data.length);
  data.set(first.data);
  data.set(second.data, first.data.length);
  return { rows: first.rows + second.rows, columns: second.columns, data };
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  const data = new Float64Array(a.rows * b.columns);
  for (let row = 0; row < a.rows; row++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[row * a.columns + k] as number;
      if (factor === 0) continue;
      for (let column = 0; column < b.columns; column++) {
        const at = row * b.columns + column;
        data[at] = (data[at] as number) + factor * (b.data[k * b.columns + column] as number);
      }
    }
  }
  return { rows: a.rows, columns: b.columns, data };
}

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const result = new Float64Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column] as number;
    }
  }
  return { rows: columns, columns: rows, data: result };
}

export function energyOf(data: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += (data[i] as number) ** 2;
  return total;
}

function iterate(matrix: Matrix, count: number, iterations: number) {
  const { columns } = matrix;
  const start = normalArray(count * columns, { seed: 0, purpose: 'subspace iteration' });
  let directions = orthonormalRows({ rows: count, columns, data: Float64Array.from(start) });
  const turned = transposed(matrix);
  for (let i = 0; i < iterations; i++) {
    // Rows of (Mᵀ·M·Qᵀ)ᵀ = Q·Mᵀ·M.
    directions = orthonormalRows(multiply(multiply(directions, turned), matrix));
  }
  // Within the subspace, the directions in the order of their energies: eigenvectors of (M·Qᵀ)ᵀ(M·Qᵀ).
  const images = multiply(directions, turned); // [count, rows]
  const { values, vectors } = symmetricEigen(multiply(images, transposed(images)));
  return { directions: multiply(vectors, directions), energies: values };
}

/** Gram and Schmidt, twice for accuracy; a row that is nothing becomes zeros. */
function orthonormalRows({ rows, columns, data }: Matrix): Matrix {
  const result = Float64Array.from(data);
  const row = (i: number) => result.subarray(i * columns, (i + 1) * columns);
  for (let i = 0; i < rows; i++) {
    const own = row(i);
    const before = Math.sqrt(energyOf(own));
    for (const j of [...Array(i).keys(), ...Array(i).keys()]) {
      const other = row(j);
      let along = 0;
      for (let k = 0; k < columns; k++) along += (own[k] as number) * (other[k] as number);
      for (let k = 0; k < columns; k++) own[k] = (own[k] as number) - along * (other[k] as number);
    }
    const length = Math.sqrt(energyOf(own));
    const scale = length > before * 1e-12 ? 1 / length : 0;
    for (let k = 0; k < columns; k++) own[k] = (own[k] as number) * scale;
  }
  return { rows, columns, data: result };
}

/** Jacobi's rotations: eigenvalues from the largest on, eigenvectors as rows. */
export function symmetricEigen({ rows: n, data }: Matrix): {
  readonly values: readonly number[];
  readonly vectors: Matrix;
} {
  const a = Float64Array.from(data);
  const v = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const at = (i: number, j: number) => a[i * n + j] as number;
  for (let sweep = 0; sweep < 60; sweep++) {
    let rest = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) rest += at(i, j) ** 2;
    if (rest <= 1e-26 * energyOf(a)) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (at(p, q) === 0) continue;
        const ratio = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const tangent = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.sqrt(ratio ** 2 + 1));
        const cosine = 1 / Math.sqrt(tangent ** 2 + 1);
        const sine = tangent * cosine;
        const turn = (array: Float64Array, first: number, second: number) => {
          const [x, y] = [array[first] as number, array[second] as number];
          array[first] = cosine * x - sine * y;
          array[second] = sine * x + cosine * y;
        };
        for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
        for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
        for (let k = 0; k < n; k++) turn(v, p * n + k, q * n + k);
      }
    }
  }
  const order = [...Array(n).keys()].sort((i, j) => at(j, j) - at(i, i) || i - j);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    vectors.set(v.subarray(from * n, (from + 1) * n), to * n);
  });
  return { values: order.map((i) => at(i, i)), vectors: { rows: n, columns: n, data: vectors } };
}
