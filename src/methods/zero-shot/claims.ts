// What Zero-shot claims of its mechanism, and how it is found out.
import { input } from '../../tensor/ops.ts';
import type { Claims } from '../claim.ts';
import { untouched } from './graph.ts';

export const zeroShotClaims: Claims = () => [
  {
    statement: 'nothing trains',
    check: async () => {
      const { parameters, trainsProjector } = untouched();
      return {
        found: `${parameters.size} parameters, projector ${trainsProjector ? 'trained' : 'left alone'}`,
        holds: parameters.size === 0 && !trainsProjector,
      };
    },
  },
  {
    statement: 'the graph of an adapted layer is that of the plain one',
    check: async () => {
      const y = input('y', 'float32', [1, 4]);
      const adapted = untouched().adapt('layers.0.linear', y, y);
      return { found: adapted === y ? 'the same tensor' : 'another tensor', holds: adapted === y };
    },
  },
];
