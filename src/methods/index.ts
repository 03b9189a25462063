// The methods by name. A new method is a file and a line here.
import { clmoe } from './clmoe.ts';
import { disco } from './disco.ts';
import { ewc } from './ewc.ts';
import { hide } from './hide.ts';
import { isolated } from './isolated.ts';
import { joint } from './joint.ts';
import { keeplora } from './keeplora.ts';
import { lora } from './lora.ts';
import { lwf } from './lwf.ts';
import { mergeThenNew } from './merge-then-new.ts';
import type { Method } from './method.ts';
import { modalprompt } from './modalprompt.ts';
import { moelora } from './moelora.ts';
import { mrlora } from './mrlora.ts';
import { olora } from './olora.ts';
import { reglora } from './reglora.ts';
import { replay } from './replay.ts';
import { smolora } from './smolora.ts';
import { zeroShot } from './zero-shot.ts';

export type { Claim, Finding, Laboratory } from './claim.ts';
export type {
  AdapterSettings,
  Method,
  MethodSettings,
  OpenMethod,
  SettingProblem,
} from './method.ts';

export const methods = {
  'zero-shot': zeroShot,
  lora,
  joint,
  moelora,
  replay,
  ewc,
  lwf,
  olora,
  'merge-then-new': mergeThenNew,
  isolated,
  reglora,
  mrlora,
  hide,
  disco,
  modalprompt,
  clmoe,
  keeplora,
  smolora,
} as const satisfies Readonly<Record<string, Method>>;

/** As in configurations and folders. Which there are, a catalogue says. */
export type MethodName = string;

/** A method of the package. */
export type BuiltInMethod = keyof typeof methods;

export const methodNames = Object.keys(methods) as readonly BuiltInMethod[];
