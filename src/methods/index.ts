// The methods by name. A new method is a folder and a line here; one from outside is a file with such a value.
import { clmoe } from './clmoe/method.ts';
import type { Method } from './define.ts';
import { disco } from './disco/method.ts';
import { ewc } from './ewc/method.ts';
import { hide } from './hide/method.ts';
import { isolated } from './isolated/method.ts';
import { joint } from './joint/method.ts';
import { keeplora } from './keeplora/method.ts';
import { lora } from './lora/method.ts';
import { lwf } from './lwf/method.ts';
import { mergeThenNew } from './merge-then-new/method.ts';
import { modalprompt } from './modalprompt/method.ts';
import { moelora } from './moelora/method.ts';
import { mrlora } from './mrlora/method.ts';
import { olora } from './olora/method.ts';
import { reglora } from './reglora/method.ts';
import { replay } from './replay/method.ts';
import { smolora } from './smolora/method.ts';
import { zeroShot } from './zero-shot/method.ts';

export type { Claim, ClaimFinding, Laboratory } from './claim.ts';
export type { Method } from './define.ts';
export type { AdapterSettings, MethodSettings, OpenMethod, SettingProblem } from './method.ts';

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
