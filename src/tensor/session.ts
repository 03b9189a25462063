// What a runtime makes of a graph. One per runtime implements it; `Program` stands before them and checks what is fed.
import type { Value } from './value.ts';

export interface Session {
  /** Runs once; every input of the graph is fed, of the right type and shape. */
  run(feeds: ReadonlyMap<string, Value>): Promise<Record<string, Value>>;
  dispose(): Promise<void>;
}
