// A learner's state as one safetensors file, so that a stage continues where it was killed and ends with the same bytes.
// The format has no checksum of its own: one is kept beside the tensors, as a number that changed on the disk looks like any
// other number.
import { createHash } from 'node:crypto';
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
  const step = String(state.step);
  return serializeSafetensors(tensors, { step, identity, sha256: checksum(state, identity) });
}

/**
 * The state in a file; undefined when it is of another identity.
 * @throws DataError when the file is damaged, also where it only holds other numbers than were written.
 */
export function readState(path: string, identity: string): LearnerState | undefined {
  const file = openSafetensors(path);
  if (file.metadata.identity !== identity) return undefined;
  const step = Number(file.metadata.step);
  const hint = 'delete it and run the same command again: the stage is trained anew, the result is the same';
  if (!Number.isInteger(step) || step < 0)
    throw new DataError({ file: path, field: 'step', message: 'not a step number', hint });
  const read = (part: string): Record<string, HostTensor> =>
    Object.fromEntries(
      [...file.tensors].flatMap(([name, { shape }]) =>
        name.startsWith(`${part}.`)
          ? [[name.slice(part.length + 1), float32(readFloat32(file, name), shape)]]
          : [],
      ),
    );
  const state: LearnerState = {
    step,
    parameters: read('parameters'),
    firstMoments: read('firstMoments'),
    secondMoments: read('secondMoments'),
  };
  if (checksum(state, identity) !== file.metadata.sha256) {
    const message = 'damaged: its bytes are not those that were written (SHA-256)';
    throw new DataError({ file: path, message, hint });
  }
  return state;
}

/** Over everything that a stage goes on from, in an order of its own. */
function checksum(state: LearnerState, identity: string): string {
  const hash = createHash('sha256').update(`${identity} ${state.step}\n`);
  for (const part of parts) {
    for (const [name, { shape, data }] of Object.entries(state[part]).sort(byName)) {
      hash.update(`${part}.${name} ${shape.join(' ')}\n`);
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  return hash.digest('hex');
}

function byName([first]: readonly [string, unknown], [second]: readonly [string, unknown]): number {
  return first < second ? -1 : 1;
}
