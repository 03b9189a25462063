// A readable listing of a graph: a line per tensor, inputs before users.
import { type Tensor, topologicalOrder } from './graph.ts';
import { formatShape } from './shape.ts';

/** Lines such as `%7 = matmul(%3, %6) {transposeB: true} : float32[batch, 8]`, and the named outputs last. */
export function printGraph(outputs: Readonly<Record<string, Tensor>>): string {
  const names = new Map<Tensor, string>();
  const lines: string[] = [];
  for (const tensor of topologicalOrder(Object.values(outputs))) {
    const name = `%${names.size}`;
    names.set(tensor, name);
    const inputs = tensor.inputs.map((input) => names.get(input)).join(', ');
    lines.push(
      `${name} = ${tensor.primitive}(${inputs})${formatAttributes(tensor)} : ${tensor.dtype}${formatShape(tensor.shape)}`,
    );
  }
  for (const [name, tensor] of Object.entries(outputs)) lines.push(`return ${name} = ${names.get(tensor)}`);
  return lines.join('\n');
}

function formatAttributes(tensor: Tensor): string {
  const entries = Object.entries(tensor.attributes).filter(([, value]) => value !== false);
  if (entries.length === 0) return '';
  const text = entries.map(([key, value]) => `${key}: ${formatAttribute(value)}`);
  return ` {${text.join(', ')}}`;
}

function formatAttribute(value: unknown): string {
  if (Array.isArray(value)) return formatShape(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if ('data' in value && value.data instanceof Object && 'length' in value.data) {
    const data = Array.from(value.data as ArrayLike<number>).slice(0, 4);
    return `[${data.join(', ')}${Number(value.data.length) > 4 ? ', …' : ''}]`;
  }
  if ('file' in value && 'storage' in value)
    return `${String(value.storage)} ${String(value.file).split('/').at(-1)}`;
  return JSON.stringify(value);
}
