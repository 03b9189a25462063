// The graph of the model as it came: nothing is adapted and nothing trains.
import type { MethodGraph } from '../method.ts';

export const untouched = (): MethodGraph => ({
  parameters: new Map(),
  trainsProjector: false,
  adapt: (_, __, y) => y,
});
