// Shapes with named dimensions. A dimension is a number, a name such as "batch", or a sum of products of them:
// "4*batch*tokens", "(past+tokens)", "(tokens+-1)". Every expression has one spelling, so that equal dimensions are equal strings.

export type Dim = number | string;
export type Shape = readonly Dim[];

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ').replaceAll('+-', '-')}]`;
}

/** Whether a part of an expression is a whole number. */
export function isNumeral(part: string): boolean {
  return /^-?\d+$/.test(part);
}

/** Splits a product into its number and its sorted names: "4*batch" is 4 and ["batch"]; a sum counts as one name. */
export function factorize(dim: Dim): { readonly coefficient: number; readonly names: readonly string[] } {
  if (typeof dim === 'number') return { coefficient: dim, names: [] };
  const names: string[] = [];
  let coefficient = 1;
  for (const part of splitTop(dim, '*')) {
    if (isNumeral(part)) coefficient *= Number(part);
    else names.push(part);
  }
  return { coefficient, names: names.sort() };
}

/** The terms of a sum in parentheses: "(past+tokens)" is ["past", "tokens"]; undefined for anything else. */
export function sumTerms(dim: string): readonly string[] | undefined {
  const inner = dim.startsWith('(') && dim.endsWith(')') ? dim.slice(1, -1) : undefined;
  return inner === undefined || splitTop(dim, '*').length > 1 ? undefined : splitTop(inner, '+');
}

export function multiplyDims(...dims: readonly Dim[]): Dim {
  return spell(dims.map(expand).reduce(multiply, expand(1)));
}

export function addDims(...dims: readonly Dim[]): Dim {
  return spell(dims.reduce<Terms>((total, dim) => addTimes(total, expand(dim), 1), new Map()));
}

export function subtractDims(whole: Dim, part: Dim): Dim {
  return spell(addTimes(expand(whole), expand(part), -1));
}

/** The quotient where it is exact, otherwise undefined; long division, the leading terms first. */
export function divideDims(dim: Dim, divisor: Dim): Dim | undefined {
  const bottom = expand(divisor);
  const [divisorTerm] = orderTerms(bottom);
  if (divisorTerm === undefined) return undefined;
  let rest = expand(dim);
  let quotient: Terms = new Map();
  for (let [term] = orderTerms(rest); term !== undefined; [term] = orderTerms(rest)) {
    const coefficient = term[1] / divisorTerm[1];
    const names = withoutNames(namesOf(term[0]), namesOf(divisorTerm[0]));
    if (names === undefined || !Number.isInteger(coefficient)) return undefined;
    const partial: Terms = new Map([[names.join('*'), coefficient]]);
    quotient = addTimes(quotient, partial, 1);
    rest = addTimes(rest, multiply(partial, bottom), -1);
  }
  return spell(quotient);
}

/** A dimension's size, given those of its names. Throws when a name has none. */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, number>): number {
  if (typeof dim === 'number') return dim;
  const known = sizes.get(dim);
  if (known !== undefined) return known;
  const terms = sumTerms(dim);
  if (terms !== undefined) {
    return terms.reduce(
      (total, term) => total + evaluateDim(isNumeral(term) ? Number(term) : term, sizes),
      0,
    );
  }
  const { coefficient, names } = factorize(dim);
  if (names.length === 1 && coefficient === 1) throw new RangeError(`shape: no size for "${dim}"`);
  return names.reduce((product, name) => product * evaluateDim(name, sizes), coefficient);
}

/** A sum: the sorted names of each product, joined by "*" ("" for the number), and how often it is taken. Never 0 times. */
type Terms = ReadonlyMap<string, number>;

function expand(dim: Dim): Terms {
  if (typeof dim === 'number') return dim === 0 ? new Map() : new Map([['', dim]]);
  const terms = sumTerms(dim);
  if (terms !== undefined)
    return terms.reduce<Terms>((total, term) => addTimes(total, expand(term), 1), new Map());
  const { coefficient, names } = factorize(dim);
  const factors = names.map((name): Terms => (sumTerms(name) ? expand(name) : new Map([[name, 1]])));
  return factors.reduce(multiply, expand(coefficient));
}

function addTimes(a: Terms, b: Terms, times: number): Terms {
  const result = new Map(a);
  for (const [names, coefficient] of b) {
    const total = (result.get(names) ?? 0) + times * coefficient;
    if (total === 0) result.delete(names);
    else result.set(names, total);
  }
  return result;
}

function multiply(a: Terms, b: Terms): Terms {
  let result: Terms = new Map();
  for (const [names, coefficient] of a) {
    const row = [...b].map(([others, times]): [string, number] => [
      [...namesOf(names), ...namesOf(others)].sort().join('*'),
      coefficient * times,
    ]);
    result = addTimes(result, new Map(row), 1);
  }
  return result;
}

/** Products of more names first, then by name: an order that multiplication keeps, as long division needs. */
function orderTerms(terms: Terms): [string, number][] {
  return [...terms].sort(([a], [b]) => namesOf(b).length - namesOf(a).length || (a < b ? -1 : Number(a > b)));
}

function spell(terms: Terms): Dim {
  const products = orderTerms(terms).map(([names, coefficient]) =>
    names === '' ? coefficient : coefficient === 1 ? names : `${coefficient}*${names}`,
  );
  return products.length > 1 ? `(${products.join('+')})` : (products[0] ?? 0);
}

function namesOf(product: string): string[] {
  return product === '' ? [] : product.split('*');
}

function withoutNames(names: readonly string[], removed: readonly string[]): string[] | undefined {
  const rest = [...names];
  for (const name of removed) {
    const index = rest.indexOf(name);
    if (index < 0) return undefined;
    rest.splice(index, 1);
  }
  return rest;
}

/** The number of elements as a dimension expression. */
export function sizeOf(shape: Shape): Dim {
  return multiplyDims(...shape);
}

/** NumPy broadcasting of two shapes; undefined where they do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    result.push(x === 1 ? y : x);
  }
  return result;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function splitTop(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
