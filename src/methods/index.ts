// The methods by name. A new method is a file and a line here.
import { lora } from './lora.ts';
import type { Method } from './method.ts';
import { moelora } from './moelora.ts';

export type { AdapterSettings, Claim, Method } from './method.ts';

export const methods = { lora, moelora } as const satisfies Readonly<Record<string, Method>>;

export type MethodName = keyof typeof methods;

export const methodNames = Object.keys(methods) as readonly MethodName[];
