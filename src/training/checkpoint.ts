// A learner's state as one safetensors file, so that a stage continues where it was killed and ends with the same bytes.
import { DataError } from '../base/errors.ts';
import { openSafetensors, serializeSafetensors, type TensorSource } from '../formats/weights/safetensors.ts';
import { readFloat32 } from '../formats/weights/tensor-file.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import type { LearnerState } from './learner.ts';

const parts = ['parameters', 'firstMoments', 'secondMoments'] as const;

/** `identity` names what is being trained (a hash of configuration and data); a state of another identity is not used. */
export function serializeState(state: LearnerState, identity: string): Uint8Array {
  const tensors: Record<string, TensorSource> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(state[part])) {
      tensors[`${part}.${name}`] = { dtype: 'F32', shape: value.shape, data: value.data as Float32Array };
    }
  }
  return serializeSafetensors(tensors, { step: String(state.step), identity });
}

/** The state in a file; undefined when it is of another identity. Throws DataError when the file is damaged. */
export function readState(path: string, identity: string): LearnerState | undefined {
  const file = openSafetensors(path);
  if (file.metadata.identity !== identity) return undefined;
  const step = Number(file.metadata.step);
  if (!Number.isInteger(step) || step < 0)
    throw new DataError({ file: path, field: 'step', message: 'not a step number' });
  const read = (part: string): Record<string, HostTensor> =>
    Object.fromEntries(
      [...file.tensors].flatMap(([name, { shape }]) =>
        name.startsWith(`${part}.`)
          ? [[name.slice(part.length + 1), float32(readFloat32(file, name), shape)]]
          : [],
      ),
    );
  return {
    step,
    parameters: read('parameters'),
    firstMoments: read('firstMoments'),
    secondMoments: read('secondMoments'),
  };
}
