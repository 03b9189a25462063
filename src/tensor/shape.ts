// Shapes with named dimensions. A dimension is a number, or an expression over names such as "batch" or "4*batch*tokens".
// Expressions are kept in one canonical spelling, so that equal dimensions are equal strings.

export type Dim = number | string;
export type Shape = readonly Dim[];

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Splits a product into its number and its sorted names: "4*batch" is 4 and ["batch"]. */
export function factorize(dim: Dim): { readonly coefficient: number; readonly names: readonly string[] } {
  if (typeof dim === 'number') return { coefficient: dim, names: [] };
  const names: string[] = [];
  let coefficient = 1;
  for (const part of splitTop(dim, '*')) {
    if (/^\d+$/.test(part)) coefficient *= Number(part);
    else names.push(part);
  }
  return { coefficient, names: names.sort() };
}

/** The terms of a sum in parentheses: "(past+tokens)" is ["past", "tokens"]; undefined for anything else. */
export function sumTerms(name: string): readonly string[] | undefined {
  return name.startsWith('(') && name.endsWith(')') ? splitTop(name.slice(1, -1), '+') : undefined;
}

export function multiplyDims(...dims: readonly Dim[]): Dim {
  let coefficient = 1;
  const names: string[] = [];
  for (const dim of dims) {
    const factors = factorize(dim);
    coefficient *= factors.coefficient;
    names.push(...factors.names);
  }
  if (names.length === 0 || coefficient === 0) return coefficient;
  return [...(coefficient === 1 ? [] : [String(coefficient)]), ...names.sort()].join('*');
}

export function addDims(...dims: readonly Dim[]): Dim {
  let constant = 0;
  const terms: string[] = [];
  for (const dim of dims) {
    if (typeof dim === 'number') constant += dim;
    else {
      for (const term of sumTerms(dim) ?? [dim]) {
        if (/^\d+$/.test(term)) constant += Number(term);
        else terms.push(term);
      }
    }
  }
  if (terms.length === 0) return constant;
  if (terms.length === 1 && constant === 0) return terms[0] as string;
  return `(${[...terms.sort(), ...(constant === 0 ? [] : [String(constant)])].join('+')})`;
}

/** The quotient where it is exact (every factor of `divisor` occurs in `dim`), otherwise undefined. */
export function divideDims(dim: Dim, divisor: Dim): Dim | undefined {
  const top = factorize(dim);
  const bottom = factorize(divisor);
  if (bottom.coefficient === 0 || top.coefficient % bottom.coefficient !== 0) return undefined;
  const names = [...top.names];
  for (const name of bottom.names) {
    const index = names.indexOf(name);
    if (index < 0) return undefined;
    names.splice(index, 1);
  }
  return multiplyDims(top.coefficient / bottom.coefficient, ...names);
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
