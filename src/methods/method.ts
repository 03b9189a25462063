// A continual method: what it trains, and proof that its mechanism is at work. Shared code never asks which method it has.
import type { AdapterSpec } from '../adapters/index.ts';

/** The adapter settings of a run; a method takes from them what it uses. */
export interface AdapterSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly experts: number;
}

/** A statement about a method's mechanism that can be checked by running it, with the number that was found. */
export interface Claim {
  readonly statement: string;
  check(): Promise<{ readonly found: string; readonly holds: boolean }>;
}

export interface Method {
  readonly name: string;
  /** For tables and charts. */
  readonly label: string;
  readonly summary: string;
  adapter(settings: AdapterSettings): AdapterSpec;
  claims(): readonly Claim[];
}
