// PyTorch's checkpoint files (`.bin`, `.pt`, `.pth`): dictionaries of tensors, read without Python and without running
// anything. Both of torch.save's formats: the archive of 1.6 and later, and the stream before it. Only the pickle is
// read; the tensors' bytes lie in the file as they are and are found by offset.
// Source: torch 2.13, torch/serialization.py and torch/_utils.py (behaviour, checked by fixtures of its output).
import { DataError } from '../../base/errors.ts';
import { type ByteSource, memorySource, withByteSource } from '../files/file-bytes.ts';
import { isZip, readZip, readZipEntry, storedOffset } from '../files/zip.ts';
import {
  isTuple,
  PickleGlobal,
  PickleList,
  PickleObject,
  type PickleValue,
  readPickle,
  type Unpickled,
} from './pickle.ts';
import { type ElementType, elementBytes, isSizes, type TensorEntry, type TensorFile } from './tensor-file.ts';

/** The pickle of ten thousand tensors takes some 3 MB. */
const MAX_PICKLE_BYTES = 64e6;
/** What the stream format begins with, as a pickled number. */
const STREAM_MAGIC = 0x1950a86a20f9469cfc6cn;
const STREAM_PROTOCOL = 1001;

const storageTypes: Readonly<Record<string, ElementType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** A run of elements that tensors are views of. */
class Storage extends PickleObject {
  constructor(
    readonly key: string,
    readonly dtype: ElementType,
    readonly elements: number,
  ) {
    super();
  }
}

class TorchTensor extends PickleObject {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

/**
 * Reads what a PyTorch file holds. Its top must be a dictionary of tensors.
 *
 * @throws DataError naming the file, and the tensor or the Python name that is refused.
 */
export function openTorchFile(path: string): TensorFile {
  return withByteSource(path, 'a PyTorch file', parseTorchFile);
}

/** As `openTorchFile`, of bytes already open. */
export function parseTorchFile(source: ByteSource): TensorFile {
  return isZip(source) ? parseArchive(source) : parseStream(source);
}

function parseArchive(source: ByteSource): TensorFile {
  const archive = readZip(source);
  const pickles = [...archive.entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new DataError({
      file: source.path,
      message: `not a PyTorch file: an archive with ${pickles.length} entries called data.pkl`,
    });
  }
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = archive.entries.get(`${folder}byteorder`);
  if (order !== undefined && Buffer.from(readZipEntry(archive, order, 16)).toString() !== 'little') {
    throw new DataError({
      file: source.path,
      field: order.name,
      message: 'only little-endian files are read',
    });
  }
  const bytes = readZipEntry(archive, pickle, MAX_PICKLE_BYTES);
  const { value } = readTensors(memorySource(source.path, bytes), 0);
  return tensorFile(source, value, ({ key, dtype, elements }, name) => {
    const entry = archive.entries.get(`${folder}data/${key}`);
    const needed = elements * elementBytes[dtype];
    if (entry === undefined || entry.bytes < needed) {
      const found = entry === undefined ? 'is missing' : `has ${entry.bytes} bytes, ${needed} are needed`;
      throw new DataError({
        file: source.path,
        field: name,
        message: `its storage ${folder}data/${key} ${found}`,
      });
    }
    return storedOffset(archive, entry);
  });
}

/** Magic number, protocol, system, tensors, names of the storages; then each storage as a count and its elements. */
function parseStream(source: ByteSource): TensorFile {
  const { path } = source;
  const end = Math.min(source.size, MAX_PICKLE_BYTES);
  const plain = (start: number) => readPickle({ source, start, end });
  const refuse = (message: string): never => {
    throw new DataError({ file: path, message });
  };
  let magic: Unpickled | undefined;
  try {
    magic = plain(0);
  } catch (error) {
    // A pickle that is no number of ours says best itself what is wrong with it.
    if (!(error instanceof DataError) || startsPickle(source)) throw error;
  }
  if (magic?.value !== STREAM_MAGIC) {
    const start = Buffer.from(source.read(0, Math.min(source.size, 40))).toString('latin1');
    throw new DataError({
      file: path,
      message: source.size === 0 ? 'not a PyTorch file: it is empty' : 'not a PyTorch file, or damaged',
      hint: start.startsWith('version https://git-lfs')
        ? 'this is a Git LFS pointer: run `git lfs pull` where it came from'
        : undefined,
    });
  }
  const protocol = plain(magic.end);
  if (protocol.value !== STREAM_PROTOCOL)
    refuse(`protocol ${String(protocol.value)} of torch.save is not known`);
  const system = plain(protocol.end);
  if (!(system.value instanceof Map) || system.value.get('little_endian') !== true)
    refuse('only little-endian files are read');
  const tensors = readTensors(source, system.end);
  const keys = plain(tensors.end);
  if (!(keys.value instanceof PickleList)) return refuse('damaged: the list of storages is missing');
  const storages = new Map(tensors.storages.map((storage) => [storage.key, storage]));
  const offsets = new Map<string, number>();
  let at = keys.end;
  for (const key of keys.value.items) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || offsets.has(storage.key))
      return refuse(`damaged: the list of storages names ${String(key)}`);
    const count = Number(new DataView(source.read(at, 8)).getBigInt64(0, true));
    if (count !== storage.elements)
      refuse(`damaged: storage ${storage.key} has ${count} elements, ${storage.elements} are said`);
    offsets.set(storage.key, at + 8);
    at += 8 + count * elementBytes[storage.dtype];
  }
  return tensorFile(source, tensors.value, ({ key }, name) => {
    const offset = offsets.get(key);
    if (offset !== undefined) return offset;
    throw new DataError({ file: path, field: name, message: `its storage ${key} is missing` });
  });
}

function startsPickle({ size, read }: ByteSource): boolean {
  return size > 0 && new DataView(read(0, 1)).getUint8(0) === 0x80;
}

/** The pickle of tensors that begins at `start`, and the storages it refers to. */
function readTensors(
  source: ByteSource,
  start: number,
): Unpickled & { readonly storages: readonly Storage[] } {
  const storages: Storage[] = [];
  const fail = (message: string): never => {
    throw new DataError({ file: source.path, message: `damaged or no checkpoint: ${message}` });
  };
  const functions: Readonly<Record<string, PickleGlobal['call']>> = {
    'collections.OrderedDict': (args) =>
      args.length === 0 ? new Map() : fail('an OrderedDict that is made from something'),
    // (storage, offset, shape, strides, requires_grad, hooks, metadata)
    'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, strides]) => {
      if (!(storage instanceof Storage)) return fail('a tensor without a storage');
      if (!isSizes([offset]) || !isTuple(shape) || !isSizes(shape) || !isTuple(strides) || !isSizes(strides))
        return fail('a tensor whose offset, shape or strides are no sizes');
      if (shape.length !== strides.length) return fail('a tensor with another number of strides than sizes');
      return new TorchTensor(storage, offset as number, shape, strides);
    },
    // (tensor, requires_grad, hooks)
    'torch._utils._rebuild_parameter': ([tensor]) =>
      tensor instanceof TorchTensor ? tensor : fail('a parameter that is no tensor'),
    'torch.Size': ([sizes]) => (isTuple(sizes) ? sizes : fail('a torch.Size that is no tuple')),
  };
  const unpickled = readPickle({
    source,
    start,
    end: Math.min(source.size, start + MAX_PICKLE_BYTES),
    global: (name) => {
      if (Object.hasOwn(functions, name)) return new PickleGlobal(name, functions[name]);
      return Object.hasOwn(storageTypes, name.replace(/^torch\./, '')) ? new PickleGlobal(name) : undefined;
    },
    // ('storage', type, key, device, elements, and in streams: a view of another storage)
    persistent: (id) => {
      const [kind, type, key, , elements, view = null] = isTuple(id) ? id : [];
      const dtype =
        type instanceof PickleGlobal ? storageTypes[type.name.replace(/^torch\./, '')] : undefined;
      if (kind !== 'storage' || dtype === undefined || typeof key !== 'string' || !isSizes([elements]))
        return undefined;
      if (view !== null) return fail('storages that are views of others');
      const storage = new Storage(key, dtype, elements as number);
      storages.push(storage);
      return storage;
    },
    // The attributes of a state dictionary: versions of its modules, of no use here.
    build: (object) => object instanceof Map,
  });
  return { ...unpickled, storages };
}

function tensorFile(
  source: ByteSource,
  value: PickleValue,
  storageOffset: (storage: Storage, name: string) => number,
): TensorFile {
  const { path } = source;
  if (!(value instanceof Map)) {
    throw new DataError({ file: path, message: 'expected a dictionary of tensors at the top of the file' });
  }
  const tensors = new Map<string, TensorEntry>();
  const unusable = new Map<string, string>();
  for (const [key, tensor] of value) {
    const name = String(key);
    if (typeof key !== 'string' || !(tensor instanceof TorchTensor)) {
      throw new DataError({ file: path, field: name, message: 'expected a tensor' });
    }
    const { storage, shape } = tensor;
    const { dtype } = storage;
    const size = elementBytes[dtype];
    const last = lastElement(tensor);
    if (last >= storage.elements) {
      throw new DataError({
        file: path,
        field: name,
        message: `needs element ${last} of a storage of ${storage.elements}`,
      });
    }
    const offset = storageOffset(storage, name) + tensor.offset * size;
    const byteLength = size * shape.reduce((product, one) => product * one, 1);
    if (!isRowMajor(tensor)) {
      const strides = tensor.strides.join(', ');
      unusable.set(
        name,
        `[${shape.join(', ')}] is stored with strides [${strides}]: save it with .contiguous()`,
      );
    } else if (offset + byteLength > source.size) {
      const message = `truncated: the tensor ends at byte ${offset + byteLength}, the file at byte ${source.size}`;
      throw new DataError({ file: path, field: name, message });
    } else tensors.set(name, { name, dtype, shape, offset, byteLength });
  }
  return { path, metadata: {}, tensors, unusable };
}

/** The furthest element of its storage that a tensor touches; -1 for an empty one. */
function lastElement({ offset, shape, strides }: TorchTensor): number {
  if (shape.includes(0)) return -1;
  return shape.reduce((last, size, axis) => last + (size - 1) * (strides[axis] as number), offset);
}

function isRowMajor({ shape, strides }: TorchTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size !== 1 && strides[axis] !== expected) return shape.includes(0);
    expected *= size;
  }
  return true;
}
