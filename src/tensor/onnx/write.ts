// Writes a graph as an ONNX model. Frozen weights stay in their files as external data; what lies in the model itself
// are the nodes and small constants.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from 'onnx-buf';
import type { HostTensor } from '../dtype.ts';
import { isMadeBy, type Tensor, topologicalOrder } from '../graph.ts';
import type { ByteRange, WeightSource } from '../primitives.ts';
import { type Dim, factorize, isNumeral, type Shape, sumTerms } from '../shape.ts';
import type { AttributeValue, Emitter, OnnxType, Provider } from './emitter.ts';
import { onnxRules } from './rules.ts';

type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type ValueInfoInit = MessageInitShape<typeof ValueInfoProtoSchema>;
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;
interface NodeInit {
  readonly opType: string;
  readonly domain: string;
  readonly input: string[];
  readonly output: string[];
  readonly attribute: AttributeInit[];
}

const onnxTypes: Readonly<Record<OnnxType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  uint32: TensorProto_DataType.UINT32,
  int8: TensorProto_DataType.INT8,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
};

const storageTypes = {
  F32: TensorProto_DataType.FLOAT,
  F16: TensorProto_DataType.FLOAT16,
  BF16: TensorProto_DataType.BFLOAT16,
} as const;

export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** The weight files the model refers to, and the name it calls each by. */
  readonly files: ReadonlyMap<string, string>;
  readonly nodeCount: number;
}

/** Writes the graph that computes `outputs`; `locate` names a weight file inside the model (default: w0, w1, …). */
export function writeOnnx(
  outputs: Readonly<Record<string, Tensor>>,
  options: { readonly provider?: Provider; readonly locate?: (file: string, index: number) => string } = {},
): OnnxModel {
  const { provider = 'cpu', locate = (_file, index) => `w${index}` } = options;
  const order = topologicalOrder(Object.values(outputs));
  const inputs = order.filter((tensor) => isMadeBy(tensor, 'input'));
  const writer = new Writer(provider, inputs, locate);
  const names = new Map<Tensor, string>();
  for (const tensor of order) {
    const rule = onnxRules[tensor.primitive] as (
      emit: Emitter,
      inputs: readonly string[],
      attributes: unknown,
      tensor: Tensor,
    ) => string;
    names.set(
      tensor,
      rule(
        writer,
        tensor.inputs.map((input) => names.get(input) as string),
        tensor.attributes,
        tensor,
      ),
    );
  }
  writer.nameOutputs(
    Object.entries(outputs).map(([name, tensor]) => [name, names.get(tensor) as string] as const),
  );
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'coin-bench',
    opsetImport: [
      { domain: '', version: 21n },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: {
      name: 'coin',
      node: writer.nodes,
      initializer: writer.initializers,
      input: inputs.map((tensor) => valueInfo((tensor.attributes as { name: string }).name, tensor)),
      output: Object.entries(outputs).map(([name, tensor]) => valueInfo(name, tensor)),
    },
  });
  return { bytes: toBinary(ModelProtoSchema, model), files: writer.files, nodeCount: writer.nodes.length };
}

function valueInfo(name: string, tensor: Tensor): ValueInfoInit {
  const dim = tensor.shape.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }));
  const tensorType = { elemType: onnxTypes[tensor.dtype], shape: { dim } };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

/** Values are called %v1, %v2, … and constants %c3, …: names that no input or output of a program has. */
class Writer implements Emitter {
  readonly nodes: NodeInit[] = [];
  readonly initializers: TensorInit[] = [];
  readonly files = new Map<string, string>();
  readonly #constants = new Map<string, string>();
  readonly #stored = new Map<string, string>();
  readonly #dims = new Map<string, string>();
  #count = 0;

  constructor(
    readonly provider: Provider,
    private readonly inputs: readonly (Tensor<'input'> & Tensor)[],
    private readonly locate: (file: string, index: number) => string,
  ) {}

  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain: '' | 'com.microsoft' = '',
  ): string {
    const name = `%v${this.#count++}`;
    this.nodes.push({
      opType: operator,
      domain,
      input: [...inputs],
      output: [name],
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    return name;
  }

  /**
   * Gives values the names of the program's outputs. What has another name already (an input, a constant, an earlier
   * output) is copied.
   */
  nameOutputs(outputs: readonly (readonly [name: string, value: string])[]): void {
    const made = new Set(this.nodes.flatMap(({ output = [] }) => output));
    const named = new Map<string, string>();
    const copies: NodeInit[] = [];
    for (const [name, value] of outputs) {
      if (made.has(value) && !named.has(value)) named.set(value, name);
      else copies.push({ opType: 'Identity', domain: '', input: [value], output: [name], attribute: [] });
    }
    const rename = (values: readonly string[] = []) => values.map((value) => named.get(value) ?? value);
    const nodes = [...this.nodes, ...copies].map(({ input, output, ...node }) => ({
      ...node,
      input: rename(input),
      output: rename(output),
    }));
    this.nodes.splice(0, this.nodes.length, ...nodes);
  }

  cast(value: string, type: OnnxType): string {
    return this.node('Cast', [value], { to: onnxTypes[type] });
  }

  constant(value: HostTensor): string {
    return this.#initializer(onnxTypes[value.dtype], value.shape, value.data);
  }

  int64(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#initializer(
      onnxTypes.int64,
      shape,
      BigInt64Array.from(values, (value) => BigInt(value)),
    );
  }

  uint32(value: number): string {
    return this.#initializer(onnxTypes.uint32, [], Uint32Array.of(value));
  }

  #initializer(type: TensorProto_DataType, shape: readonly number[], data: ArrayBufferView): string {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = bytes.length <= 64 ? `${type}:${shape.join()}:${bytes.join()}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `%c${this.#count++}`;
    this.initializers.push({
      name,
      dataType: type,
      dims: shape.map(BigInt),
      rawData: Uint8Array.from(bytes),
    });
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  uint8(value: number): string {
    return this.#initializer(onnxTypes.uint8, [], Uint8Array.of(value));
  }

  weight(name: string, source: WeightSource, shape: readonly number[]): string {
    const stored = this.#external(name, source, storageTypes[source.storage], shape);
    return source.storage === 'F32' ? stored : this.cast(stored, 'float32');
  }

  stored(name: string, range: ByteRange, type: OnnxType, shape: readonly number[]): string {
    const key = `${range.file}:${range.offset}:${type}:${shape.join()}`;
    const known = this.#stored.get(key) ?? this.#external(name, range, onnxTypes[type], shape);
    this.#stored.set(key, known);
    return known;
  }

  #external(
    name: string,
    { file, offset, byteLength }: ByteRange,
    dataType: TensorProto_DataType,
    shape: readonly number[],
  ): string {
    const unique = `${name}#${this.#count++}`;
    const location = this.files.get(file) ?? this.locate(file, this.files.size);
    this.files.set(file, location);
    this.initializers.push({
      name: unique,
      dataType,
      dims: shape.map(BigInt),
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: [
        { key: 'location', value: location },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(byteLength) },
      ],
    });
    return unique;
  }

  dims(shape: Shape): string {
    if (shape.every((dim) => typeof dim === 'number')) return this.int64(shape);
    const parts = shape.map((dim) => (typeof dim === 'number' ? this.int64([dim]) : this.#dim(dim)));
    return parts.length === 1 ? (parts[0] as string) : this.node('Concat', parts, { axis: 0 });
  }

  /** A named dimension as int64 [1]. */
  #dim(dim: Exclude<Dim, number>): string {
    const known = this.#dims.get(dim);
    if (known !== undefined) return known;
    const value = this.#fedDim(dim) ?? this.#computedDim(dim);
    this.#dims.set(dim, value);
    return value;
  }

  #fedDim(dim: string): string | undefined {
    for (const tensor of this.inputs) {
      const axis = tensor.shape.indexOf(dim);
      if (axis >= 0) return this.node('Shape', [tensor.attributes.name], { start: axis, end: axis + 1 });
    }
    return undefined;
  }

  #computedDim(dim: string): string {
    const toValue = (part: string) => (isNumeral(part) ? this.int64([Number(part)]) : this.#dim(part));
    const terms = sumTerms(dim);
    if (terms !== undefined) return terms.map(toValue).reduce((a, b) => this.node('Add', [a, b]));
    const { coefficient, names } = factorize(dim);
    if (names.length === 1 && coefficient === 1) {
      throw new TypeError(`onnx: no input has a dimension "${dim}", so its size cannot be known`);
    }
    const factors = [...names.map(toValue), ...(coefficient === 1 ? [] : [this.int64([coefficient])])];
    return factors.reduce((a, b) => this.node('Mul', [a, b]));
  }
}

function attribute(name: string, value: AttributeValue): AttributeInit {
  if (typeof value === 'string') {
    return { name, type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode(value) };
  }
  if (typeof value === 'number') return { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) };
  if ('float' in value) return { name, type: AttributeProto_AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) };
}
